//! The IO shell around the engine: a TUN on one side, protected sockets on the other, a clock, and one loop.
//!
//! The TUN is the tap: every packet in either direction goes to the inspector and to the recording, with the same time
//! and in the same order, so that the recording replays to the same report.

mod clock;
mod health;
mod host;
#[cfg(target_os = "linux")]
pub mod linux;
mod owner;
mod ready;
mod session;
mod socket;
mod tap;
mod tun;
mod upstream;

pub use health::{Trouble, TroubleKind};
pub use host::{Host, Namespace};
pub use netstack::{Config as StackConfig, Counts};
pub use session::{Control, Outcome, ReportSink, Session, SessionConfig, StartError, random_seed};
pub use tap::{Notice, NoticeSink, RecordingSink, Sight};
pub use tun::{FdTun, Tun};
