//! Flows put together into contacts, and contacts by host and app.

use std::collections::BTreeMap;

use packet::Timestamp;

use super::{LEAST_CONTACTS, Watched};
use crate::report::Flow;

/// Flows that open this soon after the one before belong to it: one occasion, several connections.
const GAP_MS: u64 = 2_000;
/// Contacts of one host and app that are looked at.
const MOST_CONTACTS: usize = 2_048;

/// One or more flows to the same host at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contact {
    /// Index of the session.
    pub session: usize,
    /// When the first flow opened.
    pub at: Timestamp,
    /// Id of the first flow.
    pub flow: u32,
    /// When the last flow opened.
    latest: Timestamp,
}

/// What one app told one host.
#[derive(Debug)]
pub struct Group<'a> {
    /// The host's name, else its address.
    pub host: String,
    /// Name of the app, if the platform said.
    pub app: Option<&'a str>,
    /// By session and time.
    pub contacts: Vec<Contact>,
}

/// The groups with enough contacts to prove something, in the order of their first.
///
/// Name servers are left out: they are contacted before everybody else is, and so for the reasons of others.
pub fn groups<'a>(sessions: &[Watched<'a>], most: usize) -> Vec<Group<'a>> {
    let mut places: BTreeMap<(String, Option<&str>), usize> = BTreeMap::new();
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (session, watched) in sessions.iter().enumerate() {
        for flow in watched.flows.iter().filter(|flow| !is_lookup(flow)) {
            let host = flow.host.clone().unwrap_or_else(|| flow.remote.ip().to_string());
            let app = flow.app.as_ref().map(|app| app.name.as_str());
            let place = *places.entry((host.clone(), app)).or_insert(groups.len());
            if place == groups.len() {
                groups.push(Group { host, app, contacts: Vec::new() });
            }
            if let Some(group) = groups.get_mut(place) {
                add(&mut group.contacts, session, flow);
            }
        }
    }
    groups.retain(|group| group.contacts.len() >= LEAST_CONTACTS);
    groups.truncate(most);
    groups
}

fn is_lookup(flow: &Flow) -> bool {
    flow.protocols.iter().any(|protocol| protocol == "dns")
}

/// Flows come in the order of their first packets.
fn add(contacts: &mut Vec<Contact>, session: usize, flow: &Flow) {
    let room = contacts.len() < MOST_CONTACTS;
    match contacts.last_mut() {
        Some(last) if last.session == session && millis(last.latest, flow.opened) <= GAP_MS => {
            last.latest = flow.opened;
        }
        _ if room => {
            contacts.push(Contact { session, at: flow.opened, flow: flow.id, latest: flow.opened });
        }
        _ => {}
    }
}

/// Milliseconds from `earlier` to `later`, 0 when they are the other way round.
pub fn millis(earlier: Timestamp, later: Timestamp) -> u64 {
    u64::try_from(later.since(earlier).as_millis()).unwrap_or(u64::MAX)
}
