//! What many flows hold together, by the allocator's own account.

use std::alloc::System;
use std::net::Ipv4Addr;

use cap::Cap;
use inspect::{Config, Inspector};
use packet::{Direction, Input, Timestamp};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Flows at once.
const FLOWS: u32 = 100_000;
/// Bytes that each has sent of a request that goes on.
const UNFINISHED: usize = 1_000;
/// What all flows together may take while they wait for more, in bytes.
const BUDGET: usize = 256 << 20;
/// What one takes for ever: its place in the table and in the report.
const EACH: usize = 2 << 10;
/// What a usual one may take in all.
const TYPICAL: usize = 64 << 10;

/// The first segment that a capture shows of a connection: the beginning of an upload.
fn upload(flow: u32) -> Vec<u8> {
    let head = "POST /up HTTP/1.1\r\nHost: up.example\r\nContent-Length: 9000000\r\n\r\n";
    let mut payload = head.as_bytes().to_vec();
    payload.resize(UNFINISHED, b'x');
    let mut packet = vec![0x45, 0];
    packet.extend((40 + payload.len() as u16).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 2]);
    // RFC 2544: for benchmarks.
    packet.extend(Ipv4Addr::new(198, 18, (flow / 50_000) as u8, 1).octets());
    packet.extend((10_000 + (flow % 50_000) as u16).to_be_bytes());
    packet.extend([0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]);
    packet.extend(payload);
    packet
}

#[test]
fn a_hundred_thousand_unfinished_uploads_stay_within_the_budget() {
    let mut inspector = Inspector::new(Config::default()).expect("nothing to refuse");
    let before = ALLOCATOR.allocated();
    let taken = || ALLOCATOR.allocated() - before;
    for flow in 0..FLOWS {
        let bytes = upload(flow);
        let input = Input::Packet { direction: Some(Direction::Outbound), bytes: &bytes };
        inspector.handle_input(Timestamp::from_millis(i64::from(flow / 100)), input);
        while inspector.poll_event().is_some() {}
        let flows = flow as usize + 1;
        assert!(taken() <= BUDGET + EACH * flows, "{flows} flows hold {} bytes", taken());
        if flows == 1_000 {
            assert!(taken() <= TYPICAL * flows, "{flows} flows hold {} bytes", taken());
            assert_eq!(inspector.live_flows(), flows);
        }
    }
    assert!(inspector.held() <= BUDGET);
    let live = inspector.live_flows();
    assert!((10_000..FLOWS as usize).contains(&live), "{live} flows: the budget was not reached");
    let coverage = inspector.finish(None).coverage;
    assert_eq!(coverage.flows, u64::from(FLOWS), "a flow that is given up stays in the report");
    assert_eq!(coverage.evicted, u64::from(FLOWS) - live as u64);
}
