//! Notices when the network under a session, or the platform, does not do what the phone asks for, so that the user can
//! be told why apps fail. It influences nothing else: reports are the same with and without it.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::io;
use std::time::Duration;

use netstack::FlowId;
use packet::Timestamp;
use rustix::io::Errno;

/// What does not work, or works again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    /// What.
    pub kind: TroubleKind,
    /// How often it happened without a pause.
    pub count: u64,
    /// It has passed.
    pub over: bool,
}

/// Kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TroubleKind {
    /// Nothing can be reached: no route, or nobody answers.
    NoRoute,
    /// DNS servers do not answer.
    DnsSilent,
    /// Connections that were open are reset.
    Resets,
    /// More connections were opened than can be held, or than there are descriptors for: some were refused, or given up
    /// for others.
    RefusedFlows,
    /// The platform refused to protect a socket, so that nothing could be sent.
    HostFailed,
}

impl TroubleKind {
    const ALL: [Self; 5] =
        [Self::NoRoute, Self::DnsSilent, Self::Resets, Self::RefusedFlows, Self::HostFailed];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoRoute => "no_route",
            Self::DnsSilent => "dns_silent",
            Self::Resets => "resets",
            Self::RefusedFlows => "refused_flows",
            Self::HostFailed => "host_failed",
        }
    }

    /// How often it has to happen before it is worth telling. A phone without IPv6 has a failure now and then.
    const fn threshold(self) -> u64 {
        match self {
            Self::NoRoute | Self::DnsSilent => 3,
            Self::Resets => 10,
            Self::RefusedFlows | Self::HostFailed => 1,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, count, over } = self;
        f.write_str(match (kind, over) {
            (TroubleKind::NoRoute, false) => "the network reaches nothing",
            (TroubleKind::NoRoute, true) => "the network reaches others again",
            (TroubleKind::DnsSilent, false) => "DNS servers do not answer",
            (TroubleKind::DnsSilent, true) => "DNS servers answer again",
            (TroubleKind::Resets, false) => "the network resets connections",
            (TroubleKind::Resets, true) => "the network no longer resets connections",
            (TroubleKind::RefusedFlows, false) => {
                "more connections than can be held: some were refused or given up"
            }
            (TroubleKind::RefusedFlows, true) => "connections are no longer refused",
            (TroubleKind::HostFailed, false) => "the platform did not let the engine use the network",
            (TroubleKind::HostFailed, true) => "the platform lets the engine use the network again",
        })?;
        write!(f, " ({count} failed)")
    }
}

/// Trouble that does not happen for this long has passed.
const QUIET: Duration = Duration::from_secs(30);
/// A DNS server that has not answered after this is silent; resolvers ask again at about the same time.
const DNS_PATIENCE: Duration = Duration::from_secs(5);
/// DNS questions that are waited for at once.
const MOST_QUESTIONS: usize = 1024;

/// What went wrong lately.
#[derive(Debug, Default)]
pub(crate) struct Health {
    episodes: [Episode; TroubleKind::ALL.len()],
    /// DNS flows in the order in which they asked, and until when an answer is waited for.
    questions: VecDeque<(Timestamp, FlowId)>,
    unanswered: BTreeSet<FlowId>,
    refused: u64,
    news: VecDeque<Trouble>,
}

#[derive(Debug, Default)]
struct Episode {
    count: u64,
    last: Timestamp,
    told: bool,
}

impl Health {
    /// A datagram went upstream.
    pub(crate) fn asked(&mut self, now: Timestamp, id: FlowId, dns: bool) {
        if dns && self.questions.len() < MOST_QUESTIONS && self.unanswered.insert(id) {
            self.questions.push_back((now + DNS_PATIENCE, id));
        }
    }

    /// A datagram came from upstream.
    pub(crate) fn answered(&mut self, id: FlowId) {
        if self.unanswered.remove(&id) {
            self.end(TroubleKind::DnsSilent);
        }
        self.end(TroubleKind::NoRoute);
    }

    /// A connection was opened.
    pub(crate) fn connected(&mut self) {
        self.end(TroubleKind::NoRoute);
    }

    /// An upstream socket cannot be had, or does not connect.
    pub(crate) fn refused(&mut self, now: Timestamp, error: &io::Error) {
        if let Some(kind) = classify(error) {
            self.happened(now, kind, 1);
        }
    }

    /// A connection that was open broke.
    pub(crate) fn broke(&mut self, now: Timestamp) {
        self.happened(now, TroubleKind::Resets, 1);
    }

    /// How many flows the stack has refused so far, or given up for others.
    pub(crate) fn count_refused(&mut self, now: Timestamp, refused: u64) {
        let more = refused - self.refused;
        if more > 0 {
            self.refused = refused;
            self.happened(now, TroubleKind::RefusedFlows, more);
        }
    }

    /// When [`Self::handle_timeout`] should be called next.
    pub(crate) fn poll_timeout(&self) -> Option<Timestamp> {
        let quiet = self.episodes.iter().filter(|it| it.told).map(|it| it.last + QUIET);
        quiet.chain(self.questions.front().map(|(until, _)| *until)).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Timestamp) {
        while let Some((_, id)) = self.questions.front().copied().filter(|(until, _)| *until <= now) {
            self.questions.pop_front();
            if self.unanswered.remove(&id) {
                self.happened(now, TroubleKind::DnsSilent, 1);
            }
        }
        for kind in TroubleKind::ALL {
            let episode = &self.episodes[kind as usize];
            if episode.told && now.since(episode.last) >= QUIET {
                self.end(kind);
            }
        }
    }

    /// The next thing to tell.
    pub(crate) fn poll_trouble(&mut self) -> Option<Trouble> {
        self.news.pop_front()
    }

    fn happened(&mut self, now: Timestamp, kind: TroubleKind, times: u64) {
        let episode = &mut self.episodes[kind as usize];
        if !episode.told && now.since(episode.last) >= QUIET {
            episode.count = 0;
        }
        episode.count += times;
        episode.last = now;
        if !episode.told && episode.count >= kind.threshold() {
            episode.told = true;
            self.news.push_back(Trouble { kind, count: episode.count, over: false });
        }
    }

    fn end(&mut self, kind: TroubleKind) {
        let Episode { count, told, .. } = std::mem::take(&mut self.episodes[kind as usize]);
        if told {
            self.news.push_back(Trouble { kind, count, over: true });
        }
    }
}

/// What a failed connection is a sign of; `None` when the other end refused it, which is its right.
fn classify(error: &io::Error) -> Option<TroubleKind> {
    match Errno::from_io_error(error) {
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => Some(TroubleKind::RefusedFlows),
        Some(
            Errno::NETUNREACH | Errno::HOSTUNREACH | Errno::NETDOWN | Errno::TIMEDOUT | Errno::ADDRNOTAVAIL,
        ) => Some(TroubleKind::NoRoute),
        Some(_) => None,
        // Not from the kernel: the socket was not protected.
        None => Some(TroubleKind::HostFailed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + seconds * 1_000)
    }

    fn unreachable() -> io::Error {
        Errno::NETUNREACH.into()
    }

    #[test]
    fn a_network_that_reaches_nothing_is_told_once_and_when_it_passes() {
        let mut health = Health::default();
        for second in 0..10 {
            health.refused(at(second), &unreachable());
        }
        let trouble = health.poll_trouble().expect("trouble");
        assert_eq!((trouble.kind, trouble.count, trouble.over), (TroubleKind::NoRoute, 3, false));
        assert_eq!(health.poll_trouble(), None);

        health.connected();
        let trouble = health.poll_trouble().expect("the end");
        assert_eq!((trouble.count, trouble.over), (10, true));
    }

    #[test]
    fn a_phone_without_ipv6_has_no_trouble() {
        let mut health = Health::default();
        for second in 0..100 {
            health.refused(at(second), &unreachable());
            health.connected();
        }
        assert_eq!(health.poll_trouble(), None);
    }

    #[test]
    fn failures_far_apart_are_no_trouble() {
        let mut health = Health::default();
        for minute in 0..10 {
            health.refused(at(60 * minute), &unreachable());
        }
        assert_eq!(health.poll_trouble(), None);
    }

    #[test]
    fn a_refusal_is_the_other_ends_right() {
        let mut health = Health::default();
        for second in 0..10 {
            health.refused(at(second), &Errno::CONNREFUSED.into());
        }
        assert_eq!(health.poll_trouble(), None);
    }

    #[test]
    fn trouble_passes_by_itself() {
        let mut health = Health::default();
        health.count_refused(at(0), 7);
        health.count_refused(at(1), 7);
        assert_eq!(health.poll_trouble().map(|it| (it.kind, it.count)), Some((TroubleKind::RefusedFlows, 7)));
        assert_eq!(health.poll_timeout(), Some(at(30)));
        health.handle_timeout(at(29));
        assert_eq!(health.poll_trouble(), None);
        health.handle_timeout(at(30));
        assert!(health.poll_trouble().is_some_and(|it| it.over));
        assert_eq!(health.poll_timeout(), None);
    }

    #[test]
    fn resets_are_told_when_they_are_many() {
        let mut health = Health::default();
        (0..9).for_each(|second| health.broke(at(second)));
        assert_eq!(health.poll_trouble(), None);
        health.broke(at(9));
        assert_eq!(health.poll_trouble().map(|it| (it.kind, it.count)), Some((TroubleKind::Resets, 10)));
    }

    #[test]
    fn a_socket_that_is_not_protected_and_one_too_many_are_told_apart() {
        let refused =
            io::Error::new(io::ErrorKind::PermissionDenied, "the platform did not protect the socket");
        assert_eq!(classify(&refused), Some(TroubleKind::HostFailed));
        assert_eq!(classify(&Errno::MFILE.into()), Some(TroubleKind::RefusedFlows));
        assert_eq!(classify(&Errno::ACCESS.into()), None);
    }
}
