//! Known hosts, by the longest suffix of whole labels.

use std::cmp::Ordering;
use std::sync::OnceLock;

use crate::report::Purpose;

/// Tab-separated, sorted by suffix, a `#` line first; the columns are the fields of [`Endpoint`].
const TABLE: &str = include_str!("../../data/endpoints.tsv");

/// How the names of carriers with registration servers begin.
const CARRIERS: [&str; 4] = ["China Mobile", "China Telecom", "China Unicom", "Sprint"];

/// A known host, or a zone of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name suffix (whole labels), or an IP address. Lower case, no trailing dot.
    pub suffix: &'static str,
    /// Who runs it.
    pub owner: &'static str,
    /// ISO 3166-1 alpha-2 code of the owner's seat; empty when unknown.
    pub country: &'static str,
    /// What it is for.
    pub purpose: Purpose,
    /// Whether a normal boot contacts it.
    pub expected: bool,
    /// Many services share the host: that a phone contacts it says nothing, only what it sends there does. Never to
    /// be flagged by its name alone.
    pub shared: bool,
    /// Which identifiers it was reported to receive.
    pub identifiers: &'static str,
    /// Who says so; `[obs]` observed, `[list]` from a curated list, `[mem]` remembered and not read again.
    pub source: &'static str,
}

impl Endpoint {
    /// Whether a carrier runs it, whose registrations are for its own customers. Makers of phones and systems register
    /// theirs in every country.
    pub fn is_carriers(&self) -> bool {
        CARRIERS.iter().any(|carrier| self.owner.starts_with(carrier))
    }
}

/// The endpoint with the longest suffix of `host` (whole labels, case and a trailing dot ignored), or of exactly
/// that address.
pub fn endpoint(host: &str) -> Option<&'static Endpoint> {
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.len() > 253 {
        return None; // no host name is longer (RFC 1035 section 2.3.4)
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    if host.contains(':') || last.bytes().all(|byte| byte.is_ascii_digit()) {
        return find(host); // an address: no name ends in digits (RFC 3696 section 2)
    }
    let mut rest = host;
    loop {
        if let Some(found) = find(rest) {
            return Some(found);
        }
        (_, rest) = rest.split_once('.')?;
    }
}

fn find(suffix: &str) -> Option<&'static Endpoint> {
    let table = table();
    table.binary_search_by(|entry| compare(entry.suffix, suffix)).ok().map(|index| &table[index])
}

/// Compares bytes as if `name` were lower case.
fn compare(entry: &str, name: &str) -> Ordering {
    entry.bytes().cmp(name.bytes().map(|byte| byte.to_ascii_lowercase()))
}

/// Splits the table once. A row that does not have its eight columns, or has a purpose of its own, is left out; a test says that there is none.
fn table() -> &'static [Endpoint] {
    static ENDPOINTS: OnceLock<Vec<Endpoint>> = OnceLock::new();
    ENDPOINTS.get_or_init(|| TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(row).collect())
}

fn row(line: &'static str) -> Option<Endpoint> {
    let mut columns = line.split('\t');
    let mut next = || columns.next();
    Some(Endpoint {
        suffix: next()?,
        owner: next()?,
        country: next()?,
        purpose: next()?.parse().ok()?,
        expected: next()? == "yes",
        shared: next()? == "yes",
        identifiers: next()?,
        source: next()?,
    })
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn the_longest_suffix_of_whole_labels_wins() {
        let suffix = |host| endpoint(host).map(|found| found.suffix);
        assert_eq!(suffix("zzhc.vnet.cn"), Some("zzhc.vnet.cn"));
        assert_eq!(suffix("other.vnet.cn"), Some("vnet.cn"));
        assert_eq!(suffix("a.b.zzhc.vnet.cn"), Some("zzhc.vnet.cn"));
        assert_eq!(suffix("notvnet.cn"), None);
        assert_eq!(suffix("cn"), None);
        assert_eq!(suffix(""), None);
        assert_eq!(suffix("..."), None);
        assert_eq!(suffix("a.com"), None);
    }

    #[test]
    fn case_and_a_trailing_dot_are_ignored() {
        let found = endpoint("ZZHC.VNET.CN.").unwrap();
        assert_eq!((found.owner, found.country), ("China Telecom", "CN"));
        assert_eq!(found.purpose, Purpose::Registration);
    }

    #[test]
    fn addresses_match_exactly() {
        assert_eq!(endpoint("42.99.2.15").unwrap().owner, "China Telecom");
        assert_eq!(endpoint("1.42.99.2.15"), None);
        assert_eq!(endpoint("99.2.15"), None);
    }

    #[test]
    fn carriers_are_told_from_makers() {
        for (host, carrier) in [
            ("zzhc.vnet.cn", true),
            ("dm.wo.com.cn", true),
            ("m.fxltsbl.com", true),
            ("oma.ssprov.sprint.com", true),
            ("afwprovisioning-pa.googleapis.com", false),
            ("fruet.adups.com", false),
        ] {
            assert_eq!(endpoint(host).unwrap().is_carriers(), carrier, "{host}");
        }
    }

    #[test]
    fn hosts_of_many_services_are_marked() {
        for host in [
            "www.google.com",
            "www.gstatic.com",
            "www.googleapis.com",
            "graph.facebook.com",
            "www.linkedin.com",
        ] {
            assert!(endpoint(host).unwrap().shared, "{host}");
        }
        assert!(!endpoint("zzhc.vnet.cn").unwrap().shared);
    }

    #[test]
    fn a_hostile_name_is_cheap() {
        assert_eq!(endpoint(&"a.".repeat(100_000)), None);
    }

    #[test]
    fn the_table_is_tidy() {
        let mut lines = TABLE.lines();
        assert!(lines.next().is_some_and(|header| header.starts_with("#suffix\t")));
        let rows: Vec<Vec<&str>> = lines.map(|line| line.split('\t').collect()).collect();
        assert_eq!(rows.len(), table().len());
        assert!(rows.len() > 600);
        assert!(rows.is_sorted_by(|a, b| a[0] < b[0]), "sorted by suffix, none twice");
        for row in rows {
            let [suffix, owner, country, purpose, boot, shared, _, source] = row[..] else {
                panic!("not eight columns: {row:?}")
            };
            assert!(row.iter().all(|cell| cell.trim() == *cell), "{row:?}");
            assert!(is_host(suffix), "{suffix}");
            assert!(!owner.is_empty() && !source.is_empty(), "{suffix}");
            assert!(country.is_empty() || is_country(country), "{suffix}: {country}");
            assert!(purpose.parse::<Purpose>().is_ok(), "{suffix}: {purpose}");
            assert!([boot, shared].iter().all(|cell| ["yes", "no"].contains(cell)), "{suffix}");
            assert!(!source.contains("HaGeZi"), "{suffix}: GPL");
            assert!(
                ["[obs]", "[list]", "[mem]"].iter().any(|mark| source.ends_with(mark)),
                "{suffix}: {source}"
            );
        }
    }

    fn is_host(suffix: &str) -> bool {
        let label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        suffix.parse::<IpAddr>().is_ok() || (suffix.contains('.') && suffix.split('.').all(label))
    }

    /// A country that the address table knows too.
    fn is_country(code: &str) -> bool {
        super::super::CountryTable::committed().countries().any(|known| known == code)
    }
}
