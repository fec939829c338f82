//! NTP and SNTP (RFC 5905): recognised only, for it tells nothing of the phone.

/// Whether a datagram to or from that port is NTP's. Of a text the second byte is no stratum.
pub(super) fn probe(bytes: &[u8], port: u16) -> bool {
    const PORT: u16 = 123;
    const HEADER: usize = 48;
    /// Unsynchronised.
    const LAST_STRATUM: u8 = 16;
    let &[first, stratum, ..] = bytes else { return false };
    let (version, mode) = (first >> 3 & 7, first & 7);
    let known = (1..=4).contains(&version) && (1..=5).contains(&mode) && stratum <= LAST_STRATUM;
    port == PORT && bytes.len() >= HEADER && known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_request_is_recognised_on_its_port_alone() {
        let mut request = [0u8; 48];
        request[0] = 4 << 3 | 3;
        assert!(probe(&request, 123) && !probe(&request, 124) && !probe(&request[..47], 123));
        request[1] = b'p';
        assert!(!probe(&request, 123));
        (request[0], request[1]) = (0xff, 0);
        assert!(!probe(&request, 123) && !probe(&[], 123));
    }
}
