//! Chores of the project: `cargo xtask --help`.

mod accuracy;
mod apk;
mod bench;
mod ci;
mod conformance;
mod counts;
mod demo;
mod fuzz;
mod geo;
mod golden;
mod needs;
mod run;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Chores of the project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Build Telltale and show it at work: a phone's first boot, watched
    Demo(demo::Arguments),
    /// Run every test, those in network namespaces included where the machine allows
    Test(test::Arguments),
    /// Run everything that must hold before a change goes in
    Ci(ci::Arguments),
    /// Build the Android app as a signed and checked APK
    Apk(apk::Arguments),
    /// Prepare what an IDE and Maven need to open android/pom.xml and to run its tests
    Setup,
    /// Build the APK twice, the second time in another folder from nothing, and compare
    Reproducible,
    /// Score the engine on captures that others made, against what they are known to contain
    Conformance(conformance::Arguments),
    /// Count the instructions that a packet costs, and compare them with the stored figures
    Counts(counts::Arguments),
    /// Measure how often the engine is right, on conversations that are made up and whose truth is known
    Accuracy(accuracy::Arguments),
    /// Compare the reports of the project's own recordings with the stored ones
    Golden(golden::Arguments),
    /// Measure speed (never fails for being slow)
    Bench(bench::Arguments),
    /// Relay real traffic at full load for long, and fail when the engine's memory, descriptors or threads grow
    Soak(bench::soak::Arguments),
    /// Run h2spec against an HTTP/2 server with and without the engine between them, and compare its verdicts
    H2spec(bench::h2spec::Arguments),
    /// Let libFuzzer search for bytes that break a parser
    Fuzz(fuzz::Arguments),
    /// Check the project's conventions
    Tidy,
    /// Refresh the table of addresses and countries from the packages it is made of
    Geo(geo::Arguments),
}

fn main() -> ExitCode {
    if apk::linker::is_called() {
        return apk::linker::main();
    }
    let result = match Arguments::parse().chore {
        Chore::Demo(arguments) => return demo::run(&arguments),
        Chore::Test(arguments) => test::run(&arguments),
        Chore::Ci(arguments) => ci::run(&arguments),
        Chore::Apk(arguments) => apk::run(&arguments),
        Chore::Setup => apk::setup(),
        Chore::Reproducible => apk::reproducible::run(&apk::Abi::ALL),
        Chore::Conformance(arguments) => conformance::run(&arguments),
        Chore::Counts(arguments) => counts::run(&arguments),
        Chore::Accuracy(arguments) => accuracy::run(&arguments),
        Chore::Golden(arguments) => golden::run(&arguments),
        Chore::Bench(arguments) => bench::run(&arguments),
        Chore::Soak(arguments) => bench::soak::run(&arguments),
        Chore::H2spec(arguments) => bench::h2spec::run(&arguments),
        Chore::Fuzz(arguments) => fuzz::run(&arguments),
        Chore::Tidy => tidy::run(),
        Chore::Geo(arguments) => geo::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
