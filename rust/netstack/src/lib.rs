//! Terminates the phone's TCP connections and maps its datagrams, without doing any IO itself.
//!
//! A [`Stack`] is told of packets, of what the upstream does, and of the time; it says which packets go to the phone,
//! what is wanted of the upstream, and when it wants to be told the time again. The same inputs give the same outputs.

#![forbid(unsafe_code)]

mod build;
mod datagram;
mod destination;
mod device;
mod stack;
mod tcp;
mod terminator;
mod timer;
mod wire;

pub use build::Unreachable;
pub use stack::{Config, Counts, Event, FlowId, Stack};
