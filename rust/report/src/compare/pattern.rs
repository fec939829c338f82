//! Names by which a host is recognised in another boot.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use inspect::report::{Finding, Flow, Report};

/// The patterns of a report's flows without a name, for findings about them.
pub struct Hosts(BTreeMap<u32, String>);

impl Hosts {
    pub fn of(report: &Report) -> Self {
        let unnamed = report.flows.iter().filter(|flow| flow.host.is_none());
        Self(unnamed.map(|flow| (flow.id, of_flow(flow))).collect())
    }

    /// The pattern of the host that a finding is about; empty when the report does not tell.
    pub fn of_finding(&self, finding: &Finding) -> String {
        match &finding.host {
            Some(name) => host(name),
            None => self.0.get(&finding.flow).cloned().unwrap_or_default(),
        }
    }
}

/// The flow's host with what changes from boot to boot left out: its [`host`] pattern, else that of its address.
pub fn of_flow(flow: &Flow) -> String {
    match &flow.host {
        Some(name) => host(name),
        None => address(flow.remote.ip()),
    }
}

/// A name in lower case whose numbers are `*`: `ota-cache1.googlezip.net` and `ota-cache2.googlezip.net` are the same
/// host to anybody. The part that is registered keeps its digits: `163.com` is not `360.com`.
pub fn host(name: &str) -> String {
    let name = name.trim_end_matches('.').to_lowercase();
    if let Ok(ip) = name.trim_matches(['[', ']']).parse() {
        return address(ip);
    }
    let owned = inspect::identifier::domain(&name);
    let Some(shards) = name.strip_suffix(owned).and_then(|it| it.strip_suffix('.')) else { return name };
    let shards: Vec<String> = shards.split('.').map(without_numbers).collect();
    format!("{}.{owned}", shards.join("."))
}

/// An address without a name: public ones by network, since the one of a service changes within it.
pub fn address(ip: IpAddr) -> String {
    match ip.to_canonical() {
        ip if ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) => "(multicast)".to_owned(),
        ip if is_local(ip) => "(local network)".to_owned(),
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            format!("{}/24", Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(ip) => {
            let [a, b, c, ..] = ip.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || ip.is_loopback() || ip.is_unspecified(),
        IpAddr::V6(ip) => {
            ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback() || ip.is_unspecified()
        }
    }
}

/// A number is one `*`; a label that is mostly numbers among letters was drawn by lot, and is a single `*`.
fn without_numbers(label: &str) -> String {
    let mut out = String::with_capacity(label.len());
    let mut runs = 0;
    for c in label.chars() {
        match c.is_ascii_digit() {
            true if out.ends_with('*') => {}
            true => {
                out.push('*');
                runs += 1;
            }
            false => out.push(c),
        }
    }
    if runs >= 3 && !label.contains(['-', '_']) { "*".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_shards_are_one_host() {
        for (name, pattern) in [
            ("ota-cache1.googlezip.net", "ota-cache*.googlezip.net"),
            ("OTA-cache22.googlezip.net.", "ota-cache*.googlezip.net"),
            ("2.android.pool.ntp.org", "*.android.pool.ntp.org"),
            ("conn-service-eu-04.allawnos.com", "conn-service-eu-*.allawnos.com"),
            ("d1a2b3c4e5.cloudfront.net", "*.cloudfront.net"),
            ("ip-10-2-3-4.example.com", "ip-*-*-*-*.example.com"),
        ] {
            assert_eq!(host(name), pattern);
            assert_eq!(host(&host(name)), pattern, "a pattern is its own");
        }
    }

    #[test]
    fn the_owners_name_keeps_its_digits() {
        for name in ["163.com", "www.360.cn", "3.co.uk", "zzhc.vnet.cn", "localhost", "", "1", "a..b"] {
            assert_eq!(host(name), name);
        }
    }

    #[test]
    fn addresses_are_networks() {
        let of = |ip: &str| address(ip.parse().unwrap());
        assert_eq!(of("203.0.113.77"), "203.0.113.0/24");
        assert_eq!(of("::ffff:203.0.113.77"), "203.0.113.0/24");
        assert_eq!(of("2001:db8:1:2::3"), "2001:db8:1::/48");
        for local in ["192.168.1.1", "10.0.0.1", "fd00::1", "fe80::1", "127.0.0.1", "::1"] {
            assert_eq!(of(local), "(local network)");
        }
        for many in ["224.0.0.251", "ff02::fb", "255.255.255.255"] {
            assert_eq!(of(many), "(multicast)");
        }
        assert_eq!(host("203.0.113.77"), "203.0.113.0/24");
        assert_eq!(host("[2001:db8:1:2::3]"), "2001:db8:1::/48");
    }
}
