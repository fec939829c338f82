//! As much of DNS (RFC 1035) as the demo's two ends need: one question, addresses as answers.

use std::net::IpAddr;

const HEADER_LEN: usize = 12;
const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
/// The name of the question, as a compression pointer.
const QUESTION_NAME: [u8; 2] = [0xc0, HEADER_LEN as u8];

/// A query for a name's IPv4 or IPv6 addresses.
pub fn query(id: u16, name: &str, v6: bool) -> Vec<u8> {
    let mut message = Vec::new();
    message.extend_from_slice(&id.to_be_bytes());
    // Recursion desired; one question.
    message.extend_from_slice(&[0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
    message.extend_from_slice(&if v6 { TYPE_AAAA } else { TYPE_A }.to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    message
}

/// The reply to a query. `look_up` knows the addresses of a name, and `None` of a name that does not exist.
pub fn reply(query: &[u8], look_up: impl Fn(&str) -> Option<Vec<IpAddr>>) -> Option<Vec<u8>> {
    let (name, kind, end) = question(query)?;
    let found = look_up(&name);
    let addresses: Vec<_> = found.iter().flatten().filter(|address| kind_of(**address) == kind).collect();
    let mut message = query.get(..end)?.to_vec();
    // A response with recursion; NXDOMAIN for what does not exist.
    message[2] = 0x81;
    message[3] = if found.is_some() { 0x80 } else { 0x83 };
    message[4..HEADER_LEN].copy_from_slice(&[0, 1, 0, addresses.len() as u8, 0, 0, 0, 0]);
    for address in addresses {
        message.extend_from_slice(&QUESTION_NAME);
        message.extend_from_slice(&kind.to_be_bytes());
        // Class IN, 300 s to live.
        message.extend_from_slice(&[0, 1, 0, 0, 1, 44]);
        let octets = octets(*address);
        message.extend_from_slice(&(octets.len() as u16).to_be_bytes());
        message.extend_from_slice(&octets);
    }
    Some(message)
}

/// The first address in a reply of [`reply`].
pub fn first_address(message: &[u8]) -> Option<IpAddr> {
    let (_, _, end) = question(message)?;
    let answer = message.get(end..)?;
    match *answer.get(10..12)? {
        [0, 4] => Some(IpAddr::from(*answer.get(12..)?.first_chunk::<4>()?)),
        [0, 16] => Some(IpAddr::from(*answer.get(12..)?.first_chunk::<16>()?)),
        _ => None,
    }
}

/// The name and type asked for, and where the question ends.
fn question(message: &[u8]) -> Option<(String, u16, usize)> {
    let mut labels = Vec::new();
    let mut at = HEADER_LEN;
    loop {
        let len = usize::from(*message.get(at)?);
        at += 1;
        if len == 0 {
            break;
        }
        labels.push(str::from_utf8(message.get(at..at + len)?).ok()?.to_ascii_lowercase());
        at += len;
    }
    let kind = u16::from_be_bytes(*message.get(at..)?.first_chunk()?);
    Some((labels.join("."), kind, at + 4))
}

const fn kind_of(address: IpAddr) -> u16 {
    match address {
        IpAddr::V4(_) => TYPE_A,
        IpAddr::V6(_) => TYPE_AAAA,
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_and_answers() {
        let known: IpAddr = [192, 0, 2, 1].into();
        let look_up = |name: &str| (name == "a.example").then(|| vec![known]);
        let answer = reply(&query(7, "A.example", false), look_up).expect("a reply");
        assert_eq!(answer[..4], [0, 7, 0x81, 0x80]);
        assert_eq!(first_address(&answer), Some(known));
        let empty = reply(&query(7, "a.example", true), look_up).expect("a reply");
        assert_eq!((empty[3], first_address(&empty)), (0x80, None));
        let nothing = reply(&query(7, "b.example", false), look_up).expect("a reply");
        assert_eq!((nothing[3], first_address(&nothing)), (0x83, None));
        assert_eq!(reply(&[0; 12], look_up), None);
    }
}
