//! Writes the recording of a random session: `cargo run -p sim --example dump SEED FILE [harsh]`.

use std::error::Error;

use sim::{Scenario, run};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let seed = arguments.next().ok_or("a seed is missing")?.parse()?;
    let path = arguments.next().ok_or("a file is missing")?;
    let scenario = match arguments.next().as_deref() {
        Some("harsh") => Scenario::harsh(seed),
        _ => Scenario::random(seed),
    };
    let (outcome, watched) = run(&scenario);
    for (exchange, running) in scenario.exchanges.iter().zip(&outcome.apps) {
        let server: String = format!("{:?}", exchange.server).chars().take(40).collect();
        println!("{} {:?} {:?}: {server}", exchange.app.remote, exchange.app.finish, running.end);
    }
    std::fs::write(path, watched.recording)?;
    Ok(())
}
