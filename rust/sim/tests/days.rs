//! Days of traffic leave memory flat: what the engine keeps is bounded by what is going on, nothing is left when nothing
//! goes on, and what grows is the report's list of flows, until that is full.

use std::alloc::System;
use std::io::{self, Sink};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cap::Cap;
use sim::{Accounts, Days, Question, Scenario, judge};

/// Knows how many bytes are allocated.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// One test at a time: there is one allocator.
static ALONE: Mutex<()> = Mutex::new(());

const HOUR: Duration = Duration::from_secs(3600);
/// Longer than any flow is kept that nobody speaks of.
const QUIET: Duration = Duration::from_secs(3 * 3600);
/// What a flow may take in the report's list, with its finding, and room for as many more in a list that grew by doubling.
const LISTED: usize = 2048;
/// Tables and buffers that are as large as they ever become.
const FIXED: usize = 2 << 20;
/// What is allocated now and given back then.
const WAVERS: usize = 64 << 10;

/// A phone that is busy for a minute, then waits.
struct Phone {
    days: Days<Sink>,
    minute: u16,
    wait: Duration,
}

impl Phone {
    fn new(wait: Duration) -> Self {
        Self { days: Days::new(&Scenario::minute(1, 0), io::sink()), minute: 0, wait }
    }

    /// An hour. How many connections and datagrams it had, at least.
    fn hour(&mut self) -> usize {
        let begun = self.days.now();
        let mut flows = 0;
        while self.days.now().since(begun) < HOUR {
            let scenario = Scenario::minute(1, self.minute);
            let outcome = self.days.run(&scenario);
            assert_eq!(judge(&scenario, &outcome), None, "minute {}", self.minute);
            flows += scenario.exchanges.len() + scenario.questions.len();
            self.minute += 1;
            self.days.idle(self.wait);
        }
        flows
    }

    /// What is allocated, but for the stack's buffers, which come and go with its connections.
    fn allocated(&self) -> usize {
        ALLOCATOR.allocated() - self.days.accounts().buffers
    }
}

/// How many connections and datagrams it had.
fn a_day_is_flat(wait: Duration) -> usize {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let begun = ALLOCATOR.allocated();
    let mut phone = Phone::new(wait);
    let (mut flows, mut lately) = (0, [0; 3]);
    for hour in 0..24 {
        if hour == 3 {
            phone.days.sleep(2 * HOUR);
        }
        lately.rotate_left(1);
        lately[2] = phone.hour();
        flows += lately[2];
        let accounts = phone.days.accounts();
        // No flow is older than three hours.
        let most: usize = lately.iter().sum();
        assert!(accounts.flows <= most && accounts.timers <= accounts.flows, "hour {hour}: {accounts:?}");
        assert!(accounts.live <= most && accounts.held <= 64 << 10, "hour {hour}: {accounts:?}");
        let grown = phone.allocated() - begun;
        assert!(grown <= FIXED + flows * LISTED, "hour {hour}: {grown} bytes for {flows} flows");
    }
    phone.days.idle(QUIET);
    assert_eq!(phone.days.accounts(), Accounts::default());
    flows
}

#[test]
fn a_day_of_traffic_leaves_nothing_but_the_list() {
    let flows = a_day_is_flat(Duration::from_secs(1500));
    assert!(flows >= 24 * 100, "{flows}");
}

/// `cargo test --release -p sim --test days -- --ignored`, as the next.
#[test]
#[ignore = "takes minutes"]
fn a_day_of_thousands_of_connections_an_hour_leaves_nothing_but_the_list() {
    let flows = a_day_is_flat(Duration::ZERO);
    assert!(flows >= 24 * 2_000, "{flows}");
    eprintln!("{flows} connections and datagrams");
}

/// Datagrams of ever other ends, until the report lists no more.
fn fill_the_list(days: &mut Days<Sink>) {
    for number in 0..inspect::MOST_LISTED as u32 {
        // RFC 6598's block: of nobody in particular.
        let remote = SocketAddr::new(Ipv4Addr::from_bits(0x6440_0000 + (number >> 2)).into(), 5_000);
        let port = 40_000 + (number & 3) as u16;
        let question = Question { at: Duration::ZERO, port, remote, payload: vec![7; 20], answer: None };
        days.list(&question.packet());
    }
}

#[test]
#[ignore = "takes a minute"]
fn once_the_list_is_full_nothing_grows() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut phone = Phone::new(Duration::from_secs(1200));
    // What is learnt of the first hours has its bounds too.
    for _ in 0..3 {
        phone.hour();
    }
    fill_the_list(&mut phone.days);
    let mut before = None;
    for hour in 0..6 {
        phone.hour();
        phone.days.idle(QUIET);
        assert_eq!(phone.days.accounts(), Accounts::default(), "hour {hour}");
        let allocated = phone.allocated();
        let first = *before.get_or_insert(allocated);
        assert!(allocated <= first + WAVERS, "hour {hour}: {first} bytes became {allocated}");
    }
}
