//! A whole session in virtual time: a phone, a bad link, the stack under test with inspector and recording at its TUN,
//! and scripted servers. The same scenario gives the same session.

#![forbid(unsafe_code)]

mod days;
mod harsh;
mod heard;
mod link;
mod phone;
mod question;
mod random;
mod scenario;
mod server;
mod session;
pub mod tls;
mod verdict;

pub use days::{Accounts, Days};
pub use link::{Link, Quality};
pub use netstack::Unreachable;
pub use phone::{App, End, Finish, Phone, Running};
pub use question::Question;
pub use random::Random;
pub use scenario::{Exchange, Scenario};
pub use server::{Behaviour, Connection, Told};
pub use session::{Outcome, Watched, replay, run, run_unwatched};
pub use verdict::{judge, left_over};
