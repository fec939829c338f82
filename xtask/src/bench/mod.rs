//! `cargo xtask bench`: how fast the engine's stages are, and how the engine fares against others of its kind.

mod against;
mod corpus;
mod measure;
mod relay;
mod stages;
mod traffic;

use anyhow::Result;

use self::measure::Measure;
use crate::run;

pub use against::{h2spec, soak};

#[derive(clap::Args)]
#[command(after_help = against::HELP)]
pub struct Arguments {
    /// Measure only the stages that have this in their name
    #[arg(default_value = "", hide_default_value = true, conflicts_with = "against")]
    filter: String,

    /// How often each stage is measured
    #[arg(long, default_value_t = 15, value_name = "N", conflicts_with = "against")]
    times: u16,

    /// Measure in this build too when it is not optimized
    #[arg(long)]
    anyway: bool,

    #[command(flatten)]
    against: against::Options,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    if cfg!(debug_assertions) && !arguments.anyway {
        return run_optimized();
    }
    if arguments.against.is_wanted() {
        return against::run(&arguments.against);
    }
    let rounds = usize::from(arguments.times.max(1));
    println!("by processor time, median (best to worst of {rounds})");
    let measure = Measure { filter: &arguments.filter, rounds };
    stages::run(measure);
    relay::run(measure);
    corpus::run(measure);
    Ok(())
}

/// Runs this chore once more, in a build that is optimized.
fn run_optimized() -> Result<()> {
    let mut cargo = run::cargo();
    cargo.args(["run", "--release", "--quiet", "--package", "xtask", "--"]).args(std::env::args().skip(1));
    run::run(&mut cargo)
}
