//! A real kernel's TCP, curl and dig on the phone's side, real servers on the other, the engine between them.
//!
//! Needs root, `ip`, `curl`, `dig`, `iperf3` and `nmap`: `cargo test -p tunnel --test namespace -- --ignored
//! --test-threads=1`.

#![cfg(target_os = "linux")]

mod badlink;
mod engine;
mod namespaces;
mod path;
mod phone;
mod relay;
mod servers;
mod storm;
mod tools;
mod uplink;
