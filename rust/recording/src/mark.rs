//! What a recording remembers besides packets, as systemd journal entries: pcapng has a block for those, and stock
//! Wireshark shows each as a frame with its message, in order with the packets. (Comments on packets would do for
//! owners, but a phase may come when no packet does.)

use std::fmt::Write as _;
use std::net::SocketAddr;

use packet::{App, FlowKey, Input, Phase, Timestamp, Transport};

/// The longest text that is remembered, in bytes.
const LONGEST_TEXT: usize = 32 * 1024;

const TIME: &str = "TELLTALE_TIME";
const PHASE: &str = "TELLTALE_PHASE";
const TRANSPORT: &str = "TELLTALE_TRANSPORT";
const LOCAL: &str = "TELLTALE_LOCAL";
const REMOTE: &str = "TELLTALE_REMOTE";
const APP: &str = "TELLTALE_APP";
const UID: &str = "TELLTALE_UID";
const SKIPPED: &str = "TELLTALE_SKIPPED";
const LEN: &str = "TELLTALE_LEN";

/// An input that is no packet, and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// When.
    pub(crate) at: Timestamp,
    /// What.
    pub(crate) kind: MarkKind,
}

/// What a mark says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MarkKind {
    /// See [`Input::Owner`].
    Owner(FlowKey, App),
    /// See [`Input::Phase`].
    Phase(Phase),
    /// See [`Input::Skipped`].
    Skipped(String, usize),
}

impl MarkKind {
    /// The input that this is.
    pub(crate) fn as_input(&self) -> Input<'_> {
        match self {
            Self::Owner(flow, app) => Input::Owner { flow: *flow, app },
            Self::Phase(phase) => Input::Phase(*phase),
            Self::Skipped(reason, len) => Input::Skipped { reason, len: *len },
        }
    }
}

impl Mark {
    /// Reads a journal entry; `None` when it is not one of ours.
    pub(crate) fn parse(entry: &[u8]) -> Option<Self> {
        let at = Timestamp::from_nanos(number(entry, TIME)?);
        let kind = if let Some(phase) = field(entry, PHASE) {
            MarkKind::Phase(phase.parse().ok()?)
        } else if let Some(reason) = field(entry, SKIPPED) {
            MarkKind::Skipped(reason.to_owned(), number(entry, LEN)?)
        } else {
            let uid = match field(entry, UID) {
                Some(uid) => Some(uid.parse().ok()?),
                None => None,
            };
            let flow = FlowKey {
                transport: transport(field(entry, TRANSPORT)?)?,
                local: number::<SocketAddr>(entry, LOCAL)?,
                remote: number::<SocketAddr>(entry, REMOTE)?,
            };
            MarkKind::Owner(flow, App { name: field(entry, APP)?.to_owned(), uid })
        };
        Some(Self { at, kind })
    }
}

/// Writes an input that is no packet as a journal entry; `None` for packets, and for keys, which are never recorded.
pub(crate) fn entry(now: Timestamp, input: &Input<'_>) -> Option<Vec<u8>> {
    let mut entry = Vec::new();
    // Wireshark takes the first field of this name for the frame's time.
    push(&mut entry, "__REALTIME_TIMESTAMP", &(now.as_nanos().max(0) / 1_000).to_string());
    push(&mut entry, "MESSAGE", &message(input)?);
    push(&mut entry, "SYSLOG_IDENTIFIER", "telltale");
    push(&mut entry, TIME, &now.as_nanos().to_string());
    match input {
        Input::Packet { .. } | Input::Keys(_) => return None,
        Input::Phase(phase) => push(&mut entry, PHASE, phase.as_str()),
        Input::Skipped { reason, len } => {
            push(&mut entry, SKIPPED, reason);
            push(&mut entry, LEN, &len.to_string());
        }
        Input::Owner { flow, app } => {
            push(&mut entry, TRANSPORT, &flow.transport.to_string());
            push(&mut entry, LOCAL, &flow.local.to_string());
            push(&mut entry, REMOTE, &flow.remote.to_string());
            push(&mut entry, APP, &app.name);
            if let Some(uid) = app.uid {
                push(&mut entry, UID, &uid.to_string());
            }
        }
    }
    Some(entry)
}

/// What a human reads in Wireshark.
fn message(input: &Input<'_>) -> Option<String> {
    let mut message = String::from("Telltale ");
    match input {
        Input::Packet { .. } | Input::Keys(_) => return None,
        Input::Phase(phase) => write!(message, "phase {phase}"),
        Input::Skipped { reason, len } => {
            write!(message, "skipped a frame of {len} bytes: {}", reason.escape_debug())
        }
        Input::Owner { flow, app } => {
            let name = within(&app.name).escape_debug();
            match app.uid {
                Some(uid) => write!(message, "owner {name} (UID {uid}): {flow}"),
                None => write!(message, "owner {name}: {flow}"),
            }
        }
    }
    .ok()?;
    Some(message)
}

fn transport(name: &str) -> Option<Transport> {
    [Transport::Tcp, Transport::Udp, Transport::Icmp]
        .into_iter()
        .find(|transport| transport.to_string() == name)
}

/// As much of `text` as is remembered.
fn within(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST_TEXT)]
}

/// Appends a field in the Journal Export Format: a line, or, for values that no line can hold, the name, the length
/// as a 64-bit little-endian number, and the bytes.
fn push(entry: &mut Vec<u8>, name: &str, value: &str) {
    let value = within(value);
    entry.extend_from_slice(name.as_bytes());
    if value.bytes().all(|byte| byte >= b' ') {
        entry.push(b'=');
    } else {
        entry.push(b'\n');
        entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
    }
    entry.extend_from_slice(value.as_bytes());
    entry.push(b'\n');
}

/// The field `name`, if it is there and UTF-8.
fn field<'a>(mut entry: &'a [u8], name: &str) -> Option<&'a str> {
    loop {
        let (found, value, rest) = split_field(entry)?;
        if found == name.as_bytes() {
            return std::str::from_utf8(value).ok();
        }
        entry = rest;
    }
}

fn number<T: std::str::FromStr>(entry: &[u8], name: &str) -> Option<T> {
    field(entry, name)?.parse().ok()
}

/// The first field's name and value, and what follows.
fn split_field(entry: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let end = entry.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = (&entry[..end], &entry[end + 1..]);
    if let Some(equals) = line.iter().position(|byte| *byte == b'=') {
        return Some((&line[..equals], &line[equals + 1..], rest));
    }
    if line.is_empty() {
        return Some((line, line, rest));
    }
    let (len, rest) = rest.split_first_chunk()?;
    let len = usize::try_from(u64::from_le_bytes(*len)).ok()?;
    let value = rest.get(..len)?;
    Some((line, value, rest.get(len + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(kind: MarkKind) {
        let mark = Mark { at: Timestamp::from_nanos(1_550_131_260_123_456_789), kind };
        let written = entry(mark.at, &mark.kind.as_input()).unwrap();
        assert_eq!(Mark::parse(&written), Some(mark));
    }

    #[test]
    fn marks_round_trip() {
        let flow = FlowKey {
            transport: Transport::Tcp,
            local: "[2001:db8::2]:40000".parse().unwrap(),
            remote: "[2001:db8::1]:443".parse().unwrap(),
        };
        for name in ["com.example", "", "a=b", "two\nlines", "TELLTALE_UID=7\nTELLTALE_PHASE=unlock", "名\0"]
        {
            round_trip(MarkKind::Owner(flow, App { name: name.to_owned(), uid: None }));
            round_trip(MarkKind::Owner(flow, App { name: name.to_owned(), uid: Some(10_123) }));
            round_trip(MarkKind::Skipped(name.to_owned(), 60));
        }
        for phase in Phase::ALL {
            round_trip(MarkKind::Phase(phase));
        }
    }

    #[test]
    fn other_journal_entries_are_passed_by() {
        assert_eq!(Mark::parse(b"__REALTIME_TIMESTAMP=1\nMESSAGE=hello\n"), None);
        assert_eq!(Mark::parse(b""), None);
        assert_eq!(Mark::parse(b"BINARY\n\xff\xff\xff\xff\xff\xff\xff\xffx\n"), None);
        assert_eq!(Mark::parse(b"TELLTALE_TIME=5\nTELLTALE_PHASE=lunch\n"), None);
    }

    #[test]
    fn a_message_stays_on_one_line() {
        let input = Input::Skipped { reason: "odd\nreason", len: 1 };
        let written = entry(Timestamp::default(), &input).unwrap();
        assert_eq!(field(&written, "MESSAGE"), Some("Telltale skipped a frame of 1 bytes: odd\\nreason"));
    }
}
