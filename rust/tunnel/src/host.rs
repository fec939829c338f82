//! What only the platform can do.

use std::os::fd::BorrowedFd;

use packet::{App, FlowKey};

/// The platform under the engine. It is asked from more than one thread.
pub trait Host: Send + Sync + 'static {
    /// Keeps the upstream socket `socket` out of the TUN; `false` when that failed. Called before the socket connects.
    fn protect(&self, socket: BorrowedFd<'_>) -> bool;

    /// Who opened `flow`. May block: it is asked once a flow, on a thread of its own.
    fn owner(&self, flow: &FlowKey) -> Option<App>;

    /// Whether it is worth asking for owners at all.
    fn knows_owners(&self) -> bool {
        true
    }
}

/// A platform whose routes keep upstream sockets out of the TUN, and that knows no apps: a network namespace.
#[derive(Debug, Clone, Copy, Default)]
pub struct Namespace;

impl Host for Namespace {
    fn protect(&self, _socket: BorrowedFd<'_>) -> bool {
        true
    }

    fn owner(&self, _flow: &FlowKey) -> Option<App> {
        None
    }

    fn knows_owners(&self) -> bool {
        false
    }
}
