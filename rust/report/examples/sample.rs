//! Writes the sample reports in every form: `cargo run -p report --example sample -- DIRECTORY`.

use std::path::PathBuf;
use std::{fs, io};

use report::{TextOptions, masked, to_csv, to_html, to_json, to_text};

#[path = "../src/testdata.rs"]
mod testdata;

fn main() -> io::Result<()> {
    let directory = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "sample".into()));
    fs::create_dir_all(&directory)?;
    let reports = [
        ("first-boot", testdata::first_boot()),
        ("nothing", testdata::nothing()),
        ("hostile", testdata::hostile()),
    ];
    for (name, report) in reports {
        let report = masked(&report);
        fs::write(directory.join(name).with_extension("json"), to_json(&report))?;
        fs::write(directory.join(name).with_extension("csv"), to_csv(&report))?;
        fs::write(directory.join(name).with_extension("html"), to_html(&report))?;
        for width in [60, 100, 160] {
            let text = to_text(&report, TextOptions { color: true, width });
            fs::write(directory.join(format!("{name}-{width}.txt")), text)?;
        }
    }
    Ok(())
}
