//! Tokens that stay the same: over sites, connections and restarts.
//!
//! What one request carries could be anything. What the next carries too, to somebody else or after a restart, is kept
//! somewhere on the phone. It may still be a constant of the software, the same on every phone: nothing that one phone
//! sends can tell, so [`shared`] tells it from the reports of several. Against what passes with a request but was
//! repeated, time must have passed, and nothing else may have been sent under the same name.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use packet::Timestamp;

use super::token::Token;
use super::{Confidence, IdentifierKind, Match};

/// Values kept, some 400 bytes each.
const MOST_VALUES: usize = 4096;
/// Names of values kept, by site.
const MOST_SLOTS: usize = 8192;
/// So many new ones are refused, once there is no room, before room is made again: making it goes through all.
const PAUSE: u32 = 512;
/// Places kept of one value.
const MOST_PLACES: usize = 8;
/// A request that fails is repeated within this time, perhaps to another host.
const RETRY: Duration = Duration::from_secs(60);

/// What is known of the message that tokens stand in.
#[derive(Debug, Clone, Copy)]
pub struct Sending<'a> {
    /// Whom it went to: the owner of the host if known, else its domain, else its address.
    pub site: &'a str,
    /// The host or its address.
    pub host: &'a str,
    /// Which flow.
    pub flow: usize,
    /// How often the phone had started.
    pub boot: u32,
    /// When.
    pub at: Timestamp,
}

/// Where a value was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// As of [`Sending`].
    pub site: String,
    /// As of [`Sending`].
    pub host: String,
    /// What it was called there.
    pub key: String,
    /// Connections that it was sent in.
    pub flows: u32,
}

/// A value that stays the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurrence {
    /// The value, where it was sent last.
    pub token: Match,
    /// Where it was sent, the first places first.
    pub places: Vec<Place>,
    /// Connections that it was sent in.
    pub flows: u32,
    /// Starts of the phone after which it was sent.
    pub boots: u32,
}

impl Recurrence {
    /// Whether it went to more than one site.
    pub fn is_wide(&self) -> bool {
        self.places.iter().any(|place| Some(&place.site) != self.places.first().map(|first| &first.site))
    }
}

/// What is known of one value.
#[derive(Debug, Clone)]
struct History {
    places: Vec<Place>,
    flows: u32,
    last_flow: usize,
    boots: u32,
    last_boot: u32,
    first: Timestamp,
    last: Timestamp,
    /// Whether a name said that it tells devices apart.
    named: bool,
    /// Grows with each value that is new.
    number: u64,
}

/// What was sent under a name.
#[derive(Debug, Clone)]
struct Slot {
    value: String,
    varied: bool,
}

/// Every token that was sent.
#[derive(Debug, Clone, Default)]
pub struct Recurring {
    values: BTreeMap<String, History>,
    /// By site and name.
    slots: BTreeMap<(String, String), Slot>,
    numbers: u64,
    /// How many are still refused, of values and of slots.
    refused: [u32; 2],
}

impl Recurring {
    /// Remembers the tokens of a message, and returns those that are known to recur.
    pub fn observe(&mut self, sending: Sending<'_>, tokens: Vec<Token>) -> Vec<Recurrence> {
        for token in &tokens {
            self.remember(sending, token);
        }
        tokens.into_iter().filter_map(|token| self.judge(token)).collect()
    }

    fn remember(&mut self, sending: Sending<'_>, token: &Token) {
        let slot = (sending.site.to_owned(), token.key.clone());
        if self.slots.len() >= MOST_SLOTS && !self.slots.contains_key(&slot) {
            if is_pause(&mut self.refused[1]) {
                return;
            }
            self.forget_slots();
            if self.slots.len() >= MOST_SLOTS {
                return;
            }
        }
        let slot =
            self.slots.entry(slot).or_insert_with(|| Slot { value: token.value.clone(), varied: false });
        slot.varied |= slot.value != token.value;
        if !self.values.contains_key(&token.value) {
            if self.values.len() >= MOST_VALUES {
                if is_pause(&mut self.refused[0]) {
                    return;
                }
                self.forget();
                if self.values.len() >= MOST_VALUES {
                    return;
                }
            }
            self.numbers += 1;
            self.values.insert(token.value.clone(), History::new(sending, self.numbers));
        }
        if let Some(history) = self.values.get_mut(&token.value) {
            history.add(sending, token);
        }
    }

    /// Makes room: the older half of the values that were sent in one flow only goes.
    fn forget(&mut self) {
        let mut numbers: Vec<u64> =
            self.values.values().filter(|it| it.flows < 2).map(|it| it.number).collect();
        numbers.sort_unstable();
        let middle = numbers.get(numbers.len() / 2).copied().unwrap_or(0);
        self.values.retain(|_, history| history.flows >= 2 || history.number > middle);
    }

    /// Makes room: names go whose only value was sent in one flow, or is forgotten itself.
    fn forget_slots(&mut self) {
        let recurs = |value: &String| self.values.get(value).is_some_and(|it| it.flows >= 2);
        self.slots.retain(|_, slot| slot.varied || recurs(&slot.value));
    }

    fn judge(&self, token: Token) -> Option<Recurrence> {
        let history = self.values.get(&token.value)?;
        let varied = |place: &Place| {
            let slot = self.slots.get(&(place.site.clone(), place.key.clone()));
            slot.is_none_or(|slot| slot.varied)
        };
        if history.places.iter().any(varied) {
            return None;
        }
        let Token { shown, decode, range, .. } = token;
        let recurrence = Recurrence {
            token: Match {
                kind: IdentifierKind::DeviceToken,
                value: shown,
                confidence: Confidence::Recurrence,
                decode,
                range,
            },
            places: history.places.clone(),
            flows: history.flows,
            boots: history.boots,
        };
        let lasting = history.flows >= 3 || history.last.since(history.first) > RETRY;
        let enough = match recurrence.is_wide() {
            _ if history.flows < 2 => false,
            true => lasting || history.boots >= 2,
            // Under a name that says nothing it is most likely a constant of the software.
            false => history.named && (history.flows >= 3 || history.boots >= 2),
        };
        enough.then_some(recurrence)
    }
}

/// Counts down; at its end begins anew and says that the pause is over.
fn is_pause(left: &mut u32) -> bool {
    *left = left.checked_sub(1).unwrap_or(PAUSE);
    *left != PAUSE
}

impl History {
    fn new(sending: Sending<'_>, number: u64) -> Self {
        Self {
            places: Vec::new(),
            flows: 0,
            last_flow: usize::MAX,
            boots: 0,
            last_boot: u32::MAX,
            first: sending.at,
            last: sending.at,
            named: false,
            number,
        }
    }

    fn add(&mut self, sending: Sending<'_>, token: &Token) {
        let new_flow = self.last_flow != sending.flow;
        self.flows = self.flows.saturating_add(u32::from(new_flow));
        self.boots = self.boots.saturating_add(u32::from(self.last_boot != sending.boot));
        self.last_flow = sending.flow;
        self.last_boot = sending.boot;
        self.last = sending.at;
        self.named |= token.named;
        let same = |place: &Place| place.host == sending.host && place.key == token.key;
        match self.places.iter().position(same) {
            Some(at) => self.places[at].flows = self.places[at].flows.saturating_add(u32::from(new_flow)),
            None if self.places.len() < MOST_PLACES => self.places.push(Place {
                site: sending.site.to_owned(),
                host: sending.host.to_owned(),
                key: token.key.clone(),
                flows: 1,
            }),
            None => {}
        }
    }
}

/// The values that more than one phone sent: constants of their software, which tell no phone from another. Takes the
/// values of [`IdentifierKind::DeviceToken`] of one report for each phone.
pub fn shared<'a, Phone>(phones: impl IntoIterator<Item = Phone>) -> BTreeSet<&'a str>
where
    Phone: IntoIterator<Item = &'a str>,
{
    let mut seen = BTreeSet::new();
    let mut out = BTreeSet::new();
    for phone in phones {
        let values: BTreeSet<&str> = phone.into_iter().collect();
        out.extend(values.intersection(&seen));
        seen.extend(values);
    }
    out
}

/// The part of a host's name that its owner registered: two labels, or three where the last two are everybody's
/// (`co.uk`). An address stays whole.
pub fn domain(host: &str) -> &str {
    if host.parse::<std::net::IpAddr>().is_ok() {
        return host;
    }
    let mut dots = host.rmatch_indices('.').map(|(at, _)| at);
    let (Some(last), Some(second)) = (dots.next(), dots.next()) else { return host };
    let middle = host.get(second + 1..last).unwrap_or_default();
    let everybodys = host.len() - last - 1 == 2
        && ["co", "com", "net", "org", "gov", "edu", "ac", "or", "ne", "go"].contains(&middle);
    let start = if everybodys { dots.next().map_or(0, |third| third + 1) } else { second + 1 };
    host.get(start..).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(key: &str, value: &str, named: bool) -> Token {
        let (value, shown, key) = (value.to_owned(), value.to_owned(), key.to_owned());
        Token { value, shown, key, named, decode: vec![], range: 0..1 }
    }

    /// Site, flow, boot, seconds.
    fn send(
        recurring: &mut Recurring,
        (site, flow, boot, at): (&str, usize, u32, i64),
        token: Token,
    ) -> Option<Recurrence> {
        let sending = Sending { site, host: site, flow, boot, at: Timestamp::from_millis(at * 1000) };
        recurring.observe(sending, vec![token]).pop()
    }

    #[test]
    fn a_value_sent_to_two_sites_for_longer_recurs() {
        let mut all = Recurring::default();
        assert_eq!(send(&mut all, ("a.example", 1, 1, 0), token("zq", "v1", false)), None);
        assert_eq!(send(&mut all, ("a.example", 1, 1, 90), token("zq", "v1", false)), None, "one flow");
        let found = send(&mut all, ("b.example", 2, 1, 100), token("k", "v1", false)).unwrap();
        assert!(found.is_wide());
        assert_eq!((found.flows, found.boots, found.places.len()), (2, 1, 2));
        assert_eq!(
            found.places[1],
            Place { site: "b.example".into(), host: "b.example".into(), key: "k".into(), flows: 1 }
        );
    }

    #[test]
    fn a_request_repeated_to_another_host_does_not() {
        let mut all = Recurring::default();
        assert_eq!(send(&mut all, ("a.example", 1, 1, 0), token("zq", "v1", false)), None);
        assert_eq!(send(&mut all, ("b.example", 2, 1, 3), token("zq", "v1", false)), None);
        assert!(
            send(&mut all, ("b.example", 3, 1, 5), token("zq", "v1", false)).is_some(),
            "a third time does"
        );
    }

    #[test]
    fn what_changes_under_its_name_does_not() {
        let mut all = Recurring::default();
        send(&mut all, ("a.example", 1, 1, 0), token("zq", "v1", true));
        send(&mut all, ("a.example", 2, 1, 1), token("zq", "v2", true));
        for flow in 3..9 {
            assert_eq!(send(&mut all, ("b.example", flow, 1, 100), token("k", "v1", true)), None);
        }
    }

    #[test]
    fn to_one_site_it_needs_a_name_and_connections_or_restarts() {
        let mut all = Recurring::default();
        for flow in 0..3 {
            let found = send(&mut all, ("a.example", flow, 1, 0), token("uid", "v1", true));
            assert_eq!(found.is_some(), flow == 2);
            assert_eq!(send(&mut all, ("a.example", flow, 1, 0), token("zq", "v2", false)), None);
        }
        send(&mut all, ("c.example", 9, 1, 0), token("uid", "v3", true));
        let found = send(&mut all, ("c.example", 10, 2, 1), token("uid", "v3", true)).unwrap();
        assert_eq!((found.boots, found.is_wide()), (2, false));
    }

    #[test]
    fn memory_is_bounded_and_what_recurs_is_kept() {
        let mut all = Recurring::default();
        for flow in 0..2 {
            send(&mut all, ("a.example", flow, 1, 0), token("uid", "kept", true));
        }
        for n in 0..20_000 {
            send(&mut all, ("b.example", 10 + n, 1, 1), token("many", &format!("v{n}"), true));
        }
        assert!(all.values.len() <= MOST_VALUES);
        assert!(send(&mut all, ("a.example", 30_000, 1, 2), token("uid", "kept", true)).is_some());
        for n in 0..20_000 {
            send(&mut all, ("b.example", 10 + n, 1, 1), token(&format!("k{n}"), "v", true));
        }
        assert!(all.slots.len() <= MOST_SLOTS);
    }

    #[test]
    fn what_two_phones_share_is_the_software() {
        let phones = [vec!["a", "b", "b"], vec!["c", "b"], vec!["d"]];
        assert_eq!(shared(phones), BTreeSet::from(["b"]));
        assert!(shared([vec!["a", "a"]]).is_empty(), "twice from one phone");
    }

    #[test]
    fn domains_are_what_owners_register() {
        for (host, expected) in [
            ("api.log.example.com", "example.com"),
            ("example.com", "example.com"),
            ("a.example.co.uk", "example.co.uk"),
            ("localhost", "localhost"),
            ("192.0.2.1", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
        ] {
            assert_eq!(domain(host), expected, "{host}");
        }
    }
}
