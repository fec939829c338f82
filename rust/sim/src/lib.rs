//! A whole session in virtual time: a phone, a bad link, the stack under test with inspector and recording at its TUN,
//! and scripted servers. The same scenario gives the same session.

#![forbid(unsafe_code)]

mod link;
mod phone;
mod question;
mod random;
mod scenario;
mod server;
mod session;

pub use link::{Link, Quality};
pub use phone::{App, End, Finish, Phone, Running};
pub use question::Question;
pub use random::Random;
pub use scenario::{Exchange, Scenario};
pub use server::{Behaviour, Connection};
pub use session::{Outcome, replay, run};
