//! The stream rebuilder against scripts of segment order and overlap that were written for TCP receivers (FreeBSD's
//! tcp-testsuite): what a receiver hands to its application, the observer must have yielded.
//!
//! The scripts stay out of the project: `TELLTALE_CORPORA` names the folder that holds `tcp-vectors/`.

use std::path::Path;

use inspect::stream::{StreamEvent, TcpStreams};
use packet::{Direction, TcpFlags, TcpSegment};
use serde_json::Value;

/// Where the streams begin, so that they wrap.
const BASE: u32 = u32::MAX - 150;

fn byte_at(seq: u64) -> u8 {
    (seq * 7 % 251) as u8
}

fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or(0)
}

/// Feeds a segment of a script; its payload is made up from its sequence number.
fn feed(streams: &mut TcpStreams, direction: Direction, segment: &Value, got: &mut Vec<u8>) {
    let flags = segment["flags"].as_str().unwrap_or_default();
    let syn = flags.contains('S');
    let first = number(segment, "seq") + u64::from(syn);
    let payload: Vec<u8> = (first..first + number(segment, "len")).map(byte_at).collect();
    let segment = TcpSegment {
        source_port: 1,
        destination_port: 2,
        seq: BASE.wrapping_add(number(segment, "seq") as u32),
        ack: BASE.wrapping_add(number(segment, "ack") as u32),
        flags: TcpFlags {
            fin: flags.contains('F'),
            syn,
            rst: flags.contains('R'),
            psh: flags.contains('P'),
            ack: !segment["ack"].is_null(),
            urg: flags.contains('U'),
        },
        window: number(segment, "win") as u16,
        options: &[],
        payload: &payload,
        missing: 0,
    };
    streams.handle_segment(direction, &segment, &mut |direction, event| match event {
        StreamEvent::Data { bytes, .. } if direction == Direction::Outbound => got.extend_from_slice(bytes),
        StreamEvent::Gap { .. } if direction == Direction::Outbound => panic!("a gap where nothing is lost"),
        _ => {}
    });
}

/// Runs a script up to its end; returns how many reads were compared.
fn run(script: &Value) -> Result<usize, String> {
    let (mut streams, mut got) = (TcpStreams::default(), Vec::new());
    let (mut taken, mut compared) = (0, 0);
    for step in script["steps"].as_array().into_iter().flatten() {
        if step["in"].is_object() {
            feed(&mut streams, Direction::Outbound, &step["in"], &mut got);
        } else if step["out"].is_object() {
            feed(&mut streams, Direction::Inbound, &step["out"], &mut got);
        } else if step["sys"] == "recv" {
            let available = step["ret"].as_i64().filter(|&n| n >= 0).unwrap_or(0) as usize;
            if got.len() != taken + available {
                return Err(format!("{}: {} of {}", script["file"], got.len(), taken + available));
            }
            let peeked = step["args"].as_str().is_some_and(|args| args.contains("MSG_PEEK"));
            taken += if peeked { 0 } else { available };
            compared += 1;
        }
    }
    match got.iter().zip(1u64..).find(|&(&byte, seq)| byte != byte_at(seq)) {
        Some((_, seq)) => Err(format!("{}: wrong byte at {seq}", script["file"])),
        None => Ok(compared),
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the scripts stay out of the project")]
fn every_read_of_a_receiver_is_matched() {
    let Ok(corpora) = std::env::var("TELLTALE_CORPORA") else {
        return eprintln!("TELLTALE_CORPORA is not set: not compared");
    };
    let path = Path::new(&corpora).join("tcp-vectors/tcp_vectors.jsonl");
    let text = std::fs::read_to_string(&path).expect("tcp_vectors.jsonl is readable");
    let scripts = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON lines"));
    let of_order = scripts.filter(|script| {
        script["role"] == "server"
            && script["file"].as_str().is_some_and(|file| file.contains("/rcv-data-segments/"))
    });
    let results: Vec<_> = of_order.map(|script| run(&script)).collect();
    let failures: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    let compared: usize = results.iter().flatten().sum();
    assert!(failures.is_empty(), "{} of {} scripts: {failures:#?}", failures.len(), results.len());
    assert!(compared >= results.len(), "{compared} reads in {} scripts", results.len());
    eprintln!("{compared} reads in {} scripts", results.len());
}
