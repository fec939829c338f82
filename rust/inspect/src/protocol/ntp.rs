//! NTP and SNTP (RFC 5905): recognised only, for it tells nothing of the phone.

/// Whether a datagram to or from that port is NTP's.
pub(super) fn probe(bytes: &[u8], port: u16) -> bool {
    const PORT: u16 = 123;
    const HEADER: usize = 48;
    let Some(&first) = bytes.first() else { return false };
    let (version, mode) = (first >> 3 & 7, first & 7);
    port == PORT && bytes.len() >= HEADER && (1..=4).contains(&version) && (1..=5).contains(&mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_request_is_recognised_on_its_port_alone() {
        let mut request = [0u8; 48];
        request[0] = 4 << 3 | 3;
        assert!(probe(&request, 123) && !probe(&request, 124) && !probe(&request[..47], 123));
        request[0] = 0xff;
        assert!(!probe(&request, 123) && !probe(&[], 123));
    }
}
