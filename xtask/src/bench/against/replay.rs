//! How fast `telltale replay` reads a capture, and whether its memory depends on the capture's length.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::contender::Contender;
use super::figure::Figure;
use super::process::Process;
use super::stage::Stage;
use crate::bench::traffic;
use crate::run;

/// Payload bytes of a capture.
const SIZE: usize = 128 << 20;
/// How many times longer the capture is whose memory is compared.
const LONGER: usize = 4;
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// What one replay took.
struct Replayed {
    megabytes_per_second: f64,
    /// The most memory, in bytes.
    memory: u64,
}

/// Measures Telltale alone: nobody else replays.
pub(super) fn run(stage: &mut Stage<'_>) {
    if stage.contender != Contender::Telltale {
        return;
    }
    let scratch = stage.scratch;
    stage.measure_alone("HTTP upload of JSON", &[Figure::ReplayPlain], || {
        let replayed = replay(scratch, &traffic::upload_json(80, SIZE))?;
        Ok(vec![(Figure::ReplayPlain, replayed.megabytes_per_second)])
    });
    stage.measure_alone("TLS", &[Figure::ReplayEncrypted, Figure::ReplayMemory], || {
        let short = replay(scratch, &traffic::encrypted(SIZE))?;
        let long = replay(scratch, &traffic::encrypted(LONGER * SIZE))?;
        Ok(vec![
            (Figure::ReplayEncrypted, long.megabytes_per_second),
            (Figure::ReplayMemory, long.memory as f64 / short.memory.max(1) as f64),
        ])
    });
}

#[expect(clippy::disallowed_methods, reason = "measuring is what this is for")]
fn replay(scratch: &Path, packets: &[Vec<u8>]) -> Result<Replayed> {
    let path = scratch.join("capture.pcap");
    write_pcap(&mut BufWriter::new(File::create(&path)?), packets)?;
    let mut command = Command::new(run::target().join("release/telltale"));
    command.args(["replay", "--format", "json", "--output", "/dev/null"]).arg(&path);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let memory = watch(&mut command.spawn()?, begun);
    let time = begun.elapsed();
    let bytes = fs::metadata(&path)?.len();
    fs::remove_file(&path)?;
    Ok(Replayed { megabytes_per_second: bytes as f64 / 1e6 / time.as_secs_f64(), memory: memory? })
}

/// Waits for a process. The most memory that it had.
fn watch(child: &mut Child, begun: Instant) -> Result<u64> {
    let process = Process(child.id());
    let mut memory = 0;
    loop {
        // Gone just now, perhaps.
        memory = memory.max(process.resident().unwrap_or_default());
        if let Some(status) = child.try_wait()? {
            if !status.success() {
                bail!("telltale replay ended with {status}");
            }
            return Ok(memory);
        }
        if begun.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            bail!("not done after {} s", PATIENCE.as_secs());
        }
        sleep(LOOK);
    }
}

/// A pcap file of raw IP packets, a microsecond apart.
fn write_pcap(file: &mut impl Write, packets: &[Vec<u8>]) -> io::Result<()> {
    const RAW_IP: u32 = 101;
    let head = [0xa1b2_c3d4, 2 | 4 << 16, 0, 0, 1 << 18, RAW_IP];
    head.iter().try_for_each(|word: &u32| file.write_all(&word.to_le_bytes()))?;
    for (micros, packet) in (0..).zip(packets) {
        let len = packet.len() as u32;
        let record: [u32; 4] = [micros / 1_000_000, micros % 1_000_000, len, len];
        record.iter().try_for_each(|word| file.write_all(&word.to_le_bytes()))?;
        file.write_all(packet)?;
    }
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capture_is_one() -> Result<()> {
        let mut file = Vec::new();
        let packets = traffic::encrypted(10_000);
        write_pcap(&mut file, &packets)?;
        let mut reader = recording::Reader::open(&file[..], None)?;
        let mut read = 0;
        while reader.next_input()?.is_some() {
            read += 1;
        }
        assert!(read >= packets.len() && reader.truncated().is_none());
        Ok(())
    }
}
