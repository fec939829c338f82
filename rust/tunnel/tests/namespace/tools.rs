//! What programs of others see through the engine is what they see without it.

use std::process::Stdio;
use std::thread;
use std::time::Duration;

use crate::engine::with_engine;
use crate::namespaces::{Namespaces, WORLD_V4};
use crate::phone::PATIENCE;

/// What nmap finds open from a place.
fn open_ports(namespaces: &Namespaces, place: &str) -> Vec<String> {
    let ports = ["-sT", "-Pn", "-n", "-p", "1-200,7000-7010", "-oG", "-", WORLD_V4];
    let output = namespaces.command(place, "nmap").args(ports).output().expect("nmap");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let listed =
        text.lines().filter_map(|line| line.split_once("Ports: ")).map(|(_, ports)| ports.to_owned());
    let ports = listed.flat_map(|ports| ports.split(", ").map(str::to_owned).collect::<Vec<_>>());
    ports
        .filter(|port| port.contains("/open/"))
        .map(|port| port.split('\t').next().unwrap_or("").to_owned())
        .collect()
}

/// Waits until somebody listens at a port of the world.
fn wait_for_a_listener(namespaces: &Namespaces, port: u16) {
    for _ in 0..PATIENCE.as_secs() * 10 {
        let listed = namespaces.command("w", "ss").args(["-Hltn", &format!("sport = :{port}")]).output();
        if !listed.expect("ss").stdout.is_empty() {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("nobody listens at {port}");
}

/// Bytes that an iperf3 client in the phone's namespace transferred.
fn iperf(namespaces: &Namespaces, arguments: &[&str]) -> u64 {
    let server = namespaces.command("w", "iperf3").args(["-s", "-1"]).stdout(Stdio::null()).spawn();
    let mut server = server.expect("iperf3");
    wait_for_a_listener(namespaces, 5201);
    let mut client = namespaces.phone_command("iperf3");
    let output = client.args(["-c", WORLD_V4, "-J", "-n", "20M"]).args(arguments).output().expect("iperf3");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    assert!(server.wait().expect("its end").success());
    let (_, sum) = text.split_once("\"sum_received\"").expect("a sum");
    let (_, bytes) = sum.split_once("\"bytes\":").expect("its bytes");
    bytes.trim_start().chars().take_while(char::is_ascii_digit).collect::<String>().parse().expect("a number")
}

#[test]
#[ignore = "needs network namespaces"]
fn tools_of_others_see_what_they_see_without_the_engine() {
    with_engine("tools", 1500, None, |namespaces| {
        let direct = open_ports(namespaces, "e");
        assert_eq!(direct.len(), 5, "{direct:?}");
        assert_eq!(open_ports(namespaces, "p"), direct);
        for arguments in [&[][..], &["-R"], &["-P", "4"], &["-R", "-P", "4"]] {
            let bytes = iperf(namespaces, arguments);
            // iperf3's server stops to count when its client has nothing more to send: the megabytes that lie in the
            // buffers between them are not in the sum. That all bytes arrive is for the other tests to say.
            assert!(bytes >= 10_000_000, "{arguments:?}: {bytes} bytes");
        }
    });
}
