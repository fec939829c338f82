//! What is known of hosts and addresses: who is behind them, where, and what for.
//!
//! The tables are committed data (`data/README.md` says where they come from) and are read in place: a look-up
//! allocates nothing.

mod adequacy;
mod country;
mod endpoint;
mod operator;
mod resolver;
mod special;

use std::net::{IpAddr, Ipv4Addr};

pub use adequacy::{Adequacy, adequacy};
pub use country::CountryTable;
pub use endpoint::{Endpoint, endpoint};
pub use operator::sim_country;
pub use resolver::is_resolver;

/// Where an address is, by the registries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Network {
    /// ISO 3166-1 alpha-2 code.
    pub country: Option<&'static str>,
    /// Autonomous system number. Always `None` now: no source of it is in the public domain.
    pub asn: Option<u32>,
}

/// Where an address is. Private, loopback and reserved addresses are nowhere. IPv4 addresses inside IPv6 ones
/// (mapped, RFC 4291; NAT64's well-known prefix, RFC 6052) are where the IPv4 address is.
pub fn network(address: IpAddr) -> Network {
    let address = inner_ipv4(address).map_or(address, IpAddr::V4);
    if special::is_special(address) {
        return Network::default();
    }
    Network { country: CountryTable::committed().country(address), asn: None }
}

fn inner_ipv4(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(v6) = address else { return None };
    if let [0x64, 0xff9b, 0, 0, 0, 0, _, _] = v6.segments() {
        let [.., a, b, c, d] = v6.octets();
        return Some(Ipv4Addr::new(a, b, c, d));
    }
    v6.to_ipv4_mapped()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn country(address: &str) -> Option<&'static str> {
        network(address.parse().unwrap()).country
    }

    /// Blocks whose holder is public knowledge: China Telecom's, Google's, FICIX/FUNET's, WIDE's, AWS Singapore's.
    #[test]
    fn well_known_blocks_are_where_they_are() {
        for (address, expected) in [
            ("42.99.2.15", "CN"),
            ("218.2.2.2", "CN"),
            ("8.8.8.8", "US"),
            ("193.166.3.2", "FI"),
            ("52.74.0.1", "SG"),
            ("240e::1", "CN"),
            ("2408:8000::1", "CN"),
            ("2001:200::1", "JP"),
            ("2001:4860:4860::8888", "US"),
            ("2001:14b8::1", "FI"),
        ] {
            assert_eq!(country(address), Some(expected), "{address}");
        }
    }

    /// Addresses drawn at random from both packages, where they agree (an independent look-up in their plain rows).
    /// Blocks change hands, so a refreshed table may differ from an old sample in a few.
    #[test]
    fn a_random_sample_agrees_with_the_packages() {
        let sample = include_str!("../data/country-sample.tsv").lines().skip(1);
        let rows: Vec<_> = sample.filter_map(|line| line.split_once('\t')).collect();
        let wrong: Vec<_> =
            rows.iter().filter(|(address, expected)| country(address) != Some(*expected)).collect();
        assert_eq!(rows.len(), 200);
        assert!(wrong.len() <= 6, "{wrong:?}");
    }

    #[test]
    fn ipv4_inside_ipv6_is_where_the_ipv4_address_is() {
        assert_eq!(country("::ffff:42.99.2.15"), Some("CN"));
        assert_eq!(country("64:ff9b::42.99.2.15"), Some("CN"));
        assert_eq!(country("::ffff:10.0.0.1"), None);
    }

    #[test]
    fn special_addresses_are_nowhere() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.1.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.251",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::fb",
            "2001:db8::1",
            "3fff::1",
        ] {
            assert_eq!(country(address), None, "{address}");
        }
    }

    #[test]
    fn every_address_can_be_asked_for() {
        for step in 0..=u16::MAX {
            let high = u32::from(step) << 16;
            network(IpAddr::V4(Ipv4Addr::from(high | 0x0101)));
            network(IpAddr::V6((u128::from(step) << 112 | u128::from(step)).into()));
        }
    }
}
