//! Writes a capture as a recording: `cargo run -p recording --example rewrite -- IN OUT`. Phases are put before the
//! first packet and after the last, to see what other programs make of them.

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;

use packet::{Input, Phase};
use recording::{Reader, Writer};

fn main() -> Result<(), Box<dyn Error>> {
    let mut paths = std::env::args().skip(1);
    let (Some(from), Some(to)) = (paths.next(), paths.next()) else {
        return Err("usage: rewrite IN OUT".into());
    };
    let mut reader = Reader::open(File::open(&from)?, None)?;
    let mut writer = Writer::new(BufWriter::new(File::create(to)?), &from)?;
    let mut last = None;
    while let Some((at, input)) = reader.next_input()? {
        if last.is_none() {
            writer.write(at, &Input::Phase(Phase::Started))?;
        }
        last = Some(at);
        writer.write(at, &input)?;
    }
    if let Some(at) = last {
        writer.write(at, &Input::Phase(Phase::Stopped))?;
    }
    writer.flush()?;
    Ok(())
}
