//! Names for addresses, from the DNS answers that were seen.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use packet::App;

use crate::protocol::{DnsData, DnsMessage};
use crate::report::{Ech, HostFrom};

/// Addresses remembered. The oldest is forgotten first.
const MOST_ADDRESSES: usize = 16_384;
/// Names remembered for one address: shared hosting gives one address many.
const MOST_NAMES: usize = 8;

/// Who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// The phone's address.
    pub local: IpAddr,
    /// The app, when the platform said.
    pub app: Option<App>,
}

/// The outer names of fronts that are public knowledge.
const FRONTS: &[&str] = &["cloudflare-ech.com"];
/// Names remembered for telling what an Encrypted Client Hello hides.
const MOST_ASKED: usize = 16_384;

#[derive(Debug, Clone)]
struct Name {
    host: String,
    asker: Asker,
}

/// What DNS answers said, newest last.
#[derive(Debug, Clone, Default)]
pub struct Names {
    by_address: BTreeMap<IpAddr, VecDeque<Name>>,
    oldest: VecDeque<IpAddr>,
    /// Names that DNS gives as outer names.
    fronts: BTreeSet<String>,
    /// Names that were asked for.
    asked: BTreeSet<String>,
}

impl Names {
    /// Remembers the addresses that a response gives. Each is remembered under the name that was asked for, not under
    /// the alias that a CNAME chain ends at.
    pub fn learn(&mut self, asker: &Asker, message: &DnsMessage) {
        if !message.response {
            return;
        }
        for question in &message.questions {
            remember(&mut self.asked, &question.name);
        }
        for answer in &message.answers {
            let host = original(message, &answer.name);
            match &answer.data {
                DnsData::Address(address) => self.insert(*address, host, asker),
                DnsData::Service { hints, ech, .. } => {
                    ech.iter().for_each(|front| remember(&mut self.fronts, front));
                    hints.iter().for_each(|hint| self.insert(*hint, host, asker));
                }
                DnsData::Alias(_) => {}
            }
        }
    }

    /// The newest name of `address`, best one that the same app asked for, else one that the same end of the capture
    /// asked for, else any.
    pub fn name(&self, address: IpAddr, asker: &Asker) -> Option<(&str, HostFrom)> {
        let names = self.by_address.get(&address)?;
        let newest = |fits: &dyn Fn(&Name) -> bool| names.iter().rev().find(|name| fits(name));
        if asker.app.is_some()
            && let Some(name) = newest(&|name| name.asker.app == asker.app)
        {
            return Some((&name.host, HostFrom::DnsApp));
        }
        let name = newest(&|name| name.asker.local == asker.local).or_else(|| names.back())?;
        Some((&name.host, HostFrom::DnsPhone))
    }

    /// What an Encrypted Client Hello hides that comes with this server name. What is there for show alone looks the same
    /// as what hides something (RFC 9849 section 6.2), but who knows of a front asks DNS for what is behind it, not for it.
    pub fn ech(&self, sni: Option<&str>) -> Ech {
        match sni {
            Some(sni) if FRONTS.contains(&sni) || self.fronts.contains(sni) => Ech::Hidden,
            Some(sni) if self.asked.contains(sni) => Ech::Grease,
            _ => Ech::Unclear,
        }
    }

    fn insert(&mut self, address: IpAddr, host: &str, asker: &Asker) {
        if host.is_empty() {
            return;
        }
        let names = self.by_address.entry(address).or_default();
        if names.is_empty() {
            self.oldest.push_back(address);
        }
        names.retain(|name| name.host != host || name.asker != *asker);
        if names.len() == MOST_NAMES {
            names.pop_front();
        }
        names.push_back(Name { host: host.to_owned(), asker: asker.clone() });
        if self.oldest.len() > MOST_ADDRESSES
            && let Some(address) = self.oldest.pop_front()
        {
            self.by_address.remove(&address);
        }
    }
}

fn remember(names: &mut BTreeSet<String>, name: &str) {
    if names.len() < MOST_ASKED && !names.contains(name) {
        names.insert(name.to_owned());
    }
}

/// Follows a CNAME chain back from `name` to the name that was asked for.
fn original<'a>(message: &'a DnsMessage, name: &'a str) -> &'a str {
    let mut name = name;
    for _ in 0..message.answers.len() {
        let alias = message
            .answers
            .iter()
            .find(|answer| matches!(&answer.data, DnsData::Alias(target) if target == name));
        match alias {
            Some(alias) if alias.name != name => name = &alias.name,
            _ => break,
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{DnsAnswer, DnsQuestion};

    fn answer(name: &str, data: DnsData) -> DnsAnswer {
        DnsAnswer { name: name.into(), ttl: 60, data }
    }

    fn question(name: &str) -> DnsQuestion {
        DnsQuestion { name: name.into(), written: name.into(), kind: 65, range: 0..0 }
    }

    fn response(answers: Vec<DnsAnswer>) -> DnsMessage {
        DnsMessage { response: true, answers, ..DnsMessage::default() }
    }

    fn asker(app: Option<&str>) -> Asker {
        let app = app.map(|name| App { name: name.into(), uid: None });
        Asker { local: [10, 0, 0, 2].into(), app }
    }

    #[test]
    fn an_address_behind_aliases_is_named_by_the_question() {
        let mut names = Names::default();
        let address = IpAddr::from([203, 0, 113, 1]);
        names.learn(
            &asker(None),
            &response(vec![
                answer("a.example", DnsData::Alias("b.cdn.example".into())),
                answer("b.cdn.example", DnsData::Alias("c.cdn.example".into())),
                answer("c.cdn.example", DnsData::Address(address)),
            ]),
        );
        assert_eq!(names.name(address, &asker(None)), Some(("a.example", HostFrom::DnsPhone)));
    }

    #[test]
    fn what_ech_hides_is_told_by_what_was_asked_for() {
        let mut names = Names::default();
        let service = |ech: Option<&str>| DnsData::Service {
            target: "a.example".into(),
            hints: vec![],
            ech: ech.map(str::to_owned),
        };
        let mut published = response(vec![answer("a.example", service(Some("front.example")))]);
        published.questions = vec![question("a.example")];
        let mut plain = response(vec![answer("b.example", service(None))]);
        plain.questions = vec![question("b.example")];
        [published, plain].iter().for_each(|message| names.learn(&asker(None), message));
        for (sni, ech) in [
            (Some("front.example"), Ech::Hidden),
            (Some("cloudflare-ech.com"), Ech::Hidden),
            (Some("b.example"), Ech::Grease),
            (Some("a.example"), Ech::Grease),
            (Some("never.asked.example"), Ech::Unclear),
            (None, Ech::Unclear),
        ] {
            assert_eq!(names.ech(sni), ech, "{sni:?}");
        }
    }

    #[test]
    fn an_alias_loop_ends() {
        let mut names = Names::default();
        let address = IpAddr::from([203, 0, 113, 1]);
        names.learn(
            &asker(None),
            &response(vec![
                answer("a.example", DnsData::Alias("b.example".into())),
                answer("b.example", DnsData::Alias("a.example".into())),
                answer("a.example", DnsData::Address(address)),
            ]),
        );
        assert!(names.name(address, &asker(None)).is_some());
    }

    #[test]
    fn the_answer_of_the_same_app_wins_over_a_newer_one() {
        let mut names = Names::default();
        let address = IpAddr::from([203, 0, 113, 1]);
        for (app, host) in [("com.a", "a.example"), ("com.b", "b.example")] {
            let answers = vec![answer(host, DnsData::Address(address))];
            names.learn(&asker(Some(app)), &response(answers));
        }
        assert_eq!(names.name(address, &asker(Some("com.a"))), Some(("a.example", HostFrom::DnsApp)));
        assert_eq!(names.name(address, &asker(None)), Some(("b.example", HostFrom::DnsPhone)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut names = Names::default();
        for n in 0..MOST_ADDRESSES as u32 + 100 {
            let address = IpAddr::from((0x0b00_0000 + n).to_be_bytes());
            names.learn(&asker(None), &response(vec![answer("x.example", DnsData::Address(address))]));
        }
        assert_eq!(names.by_address.len(), MOST_ADDRESSES);
        assert_eq!(names.name([11, 0, 0, 0].into(), &asker(None)), None);
    }
}
