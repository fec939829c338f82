//! X.509 certificates (RFC 5280) in Certificate messages: whom they name, who says so, and for how long.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use packet::{Direction, Timestamp};
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::asn1::{Any, ObjectIdentifier};
use x509_cert::der::{Decode, SliceReader, Tag, Tagged};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;
use x509_cert::time::Time;

use super::Certificate;
use super::reader::Reader;

/// Handshake message type.
pub(super) const CERTIFICATE: u8 = 11;

/// Attributes and names of one certificate that are kept: some name hundreds of hosts.
const MOST_NAMES: usize = 64;
/// The longest attribute that is kept, in bytes.
const LONGEST_ATTRIBUTE: usize = 1024;

/// Attribute types by their names (RFC 4519, RFC 2985).
const ATTRIBUTES: &[(&str, &str)] = &[
    ("2.5.4.3", "commonName"),
    ("2.5.4.4", "surname"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "countryName"),
    ("2.5.4.7", "localityName"),
    ("2.5.4.8", "stateOrProvinceName"),
    ("2.5.4.9", "streetAddress"),
    ("2.5.4.10", "organizationName"),
    ("2.5.4.11", "organizationalUnitName"),
    ("2.5.4.12", "title"),
    ("2.5.4.13", "description"),
    ("2.5.4.20", "telephoneNumber"),
    ("2.5.4.42", "givenName"),
    ("2.5.4.45", "uniqueIdentifier"),
    ("2.5.4.46", "dnQualifier"),
    ("2.5.4.65", "pseudonym"),
    ("0.9.2342.19200300.100.1.1", "userId"),
    ("0.9.2342.19200300.100.1.25", "domainComponent"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("1.2.840.113549.1.9.2", "unstructuredName"),
];

/// Who presented a certificate, and how.
#[derive(Debug, Clone)]
pub(super) struct Presented {
    pub(super) direction: Direction,
    pub(super) by_client: bool,
    /// Whether the message is of TLS 1.3's form (RFC 8446 section 4.4.2).
    pub(super) tls13: bool,
    pub(super) range: Range<u64>,
}

/// What the first certificate of a Certificate message's body says: the sender's own. `None`: there is none, or it is no
/// X.509 certificate.
pub(super) fn of_message(body: &[u8], presented: Presented) -> Option<Certificate> {
    let mut reader = Reader(body);
    if presented.tls13 {
        reader.vec8()?;
    }
    let len = reader.u24()?;
    let mut list = Reader(reader.take_up_to(len));
    let len = list.u24()?;
    parse(list.take(len)?, presented)
}

fn parse(bytes: &[u8], presented: Presented) -> Option<Certificate> {
    // Serial numbers that break the rules of RFC 5280 are common.
    let mut reader = SliceReader::new(bytes).ok()?;
    let certificate = CertificateInner::<Raw>::decode(&mut reader).ok()?;
    let certificate = certificate.tbs_certificate();
    let subject = attributes(certificate.subject());
    let issuer = attributes(certificate.issuer());
    let alternatives = certificate.get_extension::<SubjectAltName>().ok().flatten();
    let alternatives = alternatives.map_or(Vec::new(), |(_, names)| names.0);
    let (mut names, mut others) = (Vec::new(), Vec::new());
    for name in alternatives.iter().take(MOST_NAMES) {
        match alternative(name) {
            Some(Alternative::Host(host)) => names.push(host),
            Some(Alternative::Other(kind, text)) => others.push((kind.to_owned(), text)),
            None => {}
        }
    }
    Some(Certificate {
        direction: presented.direction,
        by_client: presented.by_client,
        subject: first(&subject, &["commonName", "organizationName"]),
        issuer: first(&issuer, &["commonName", "organizationName", "organizationalUnitName"]),
        names,
        not_before: timestamp(certificate.validity().not_before),
        not_after: timestamp(certificate.validity().not_after),
        attributes: subject.into_iter().chain(others).collect(),
        range: presented.range,
    })
}

fn first(attributes: &[(String, String)], wanted: &[&str]) -> Option<String> {
    let value =
        |name: &&str| attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    wanted.iter().find_map(value)
}

fn attributes(name: &Name) -> Vec<(String, String)> {
    let named = name.iter().take(MOST_NAMES);
    named.filter_map(|attribute| Some((attribute_name(attribute.oid), text(&attribute.value)?))).collect()
}

fn attribute_name(oid: ObjectIdentifier) -> String {
    let oid = oid.to_string();
    ATTRIBUTES.iter().find(|(known, _)| *known == oid).map_or(oid, |(_, name)| (*name).to_owned())
}

/// The text of a string type; of anything else nothing.
fn text(value: &Any) -> Option<String> {
    let bytes = value.value();
    if bytes.is_empty() || bytes.len() > LONGEST_ATTRIBUTE {
        return None;
    }
    match value.tag() {
        Tag::BmpString => {
            let units = bytes.as_chunks::<2>().0.iter().map(|&pair| u16::from_be_bytes(pair));
            Some(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
        }
        Tag::Utf8String
        | Tag::PrintableString
        | Tag::Ia5String
        | Tag::TeletexString
        | Tag::VisibleString
        | Tag::NumericString => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    }
}

enum Alternative {
    /// A host name or address.
    Host(String),
    /// What kind, and what it says.
    Other(&'static str, String),
}

fn alternative(name: &GeneralName) -> Option<Alternative> {
    let bounded = |text: &str| (text.len() <= LONGEST_ATTRIBUTE).then(|| text.to_owned());
    Some(match name {
        GeneralName::DnsName(name) => Alternative::Host(bounded(name.as_str())?.to_ascii_lowercase()),
        GeneralName::IpAddress(octets) => Alternative::Host(address(octets.as_bytes())?.to_string()),
        GeneralName::Rfc822Name(name) => Alternative::Other("emailAddress", bounded(name.as_str())?),
        GeneralName::UniformResourceIdentifier(name) => Alternative::Other("uri", bounded(name.as_str())?),
        _ => return None,
    })
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(|octets| Ipv4Addr::from(octets).into()),
        _ => <[u8; 16]>::try_from(octets).ok().map(|octets| Ipv6Addr::from(octets).into()),
    }
}

/// `None`: later than a timestamp reaches, as in certificates that never expire.
fn timestamp(time: Time) -> Option<Timestamp> {
    i64::try_from(time.to_unix_duration().as_nanos()).ok().map(Timestamp::from_nanos)
}

impl Certificate {
    /// The host that it is for, when it names one without a wildcard; else the domain that its wildcard stands for.
    pub fn host(&self) -> Option<String> {
        let names = || self.names.iter().chain(&self.subject).map(|name| name.as_bytes());
        let is_host = |name: &String| name.contains('.') && !name.contains(':');
        let plain = names().filter_map(super::hello::host_name).find(is_host);
        plain.or_else(|| {
            let domains = names().filter_map(|name| name.strip_prefix(b"*."));
            domains.filter_map(super::hello::host_name).find(is_host)
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A certificate for a phone, made with openssl 3.0: `CN=IMEI 490154203237518`, `serialNumber=TESTSN0012345`,
    /// `O=Example Phones`; `DNS:*.dev.example`, `DNS:phone.dev.example`, `IP:192.0.2.7`, `URI:urn:imei:49015420-323751-8`.
    pub(in crate::protocol) const PHONE: &[u8] = include_bytes!("testdata/phone.der");

    pub(in crate::protocol) fn message(certificates: &[&[u8]], tls13: bool) -> Vec<u8> {
        let u24 = |len: usize| [(len >> 16) as u8, (len >> 8) as u8, len as u8];
        let mut list = Vec::new();
        for certificate in certificates {
            list.extend(u24(certificate.len()));
            list.extend(*certificate);
            if tls13 {
                list.extend([0, 0]);
            }
        }
        let context: &[u8] = if tls13 { &[0] } else { &[] };
        [context, &u24(list.len()), &list].concat()
    }

    fn presented(tls13: bool) -> Presented {
        Presented { direction: Direction::Outbound, by_client: true, tls13, range: 7..99 }
    }

    #[test]
    fn a_certificate_says_whom_it_names_and_until_when() {
        for tls13 in [false, true] {
            let found = of_message(&message(&[PHONE, b"more"], tls13), presented(tls13)).unwrap();
            assert_eq!(found.subject.as_deref(), Some("IMEI 490154203237518"));
            assert_eq!(found.issuer.as_deref(), Some("IMEI 490154203237518"));
            assert_eq!(found.names, ["*.dev.example", "phone.dev.example", "192.0.2.7"]);
            assert_eq!(found.host().as_deref(), Some("phone.dev.example"));
            let attributes: Vec<_> = found.attributes.iter().map(|(k, v)| format!("{k}={v}")).collect();
            assert_eq!(
                attributes,
                [
                    "commonName=IMEI 490154203237518",
                    "serialNumber=TESTSN0012345",
                    "organizationName=Example Phones",
                    "uri=urn:imei:49015420-323751-8"
                ]
            );
            assert_eq!(found.not_before.unwrap().to_string(), "2020-01-01T00:00:00Z");
            assert_eq!(found.not_after.unwrap().to_string(), "2050-06-01T00:00:00Z");
            assert_eq!((found.range, found.by_client), (7..99, true));
        }
    }

    #[test]
    fn what_is_cut_or_changed_anywhere_never_panics() {
        let whole = message(&[PHONE], false);
        for len in 0..whole.len() {
            assert!(of_message(&whole[..len], presented(false)).is_none(), "{len}");
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0xff;
            of_message(&damaged, presented(false));
        }
        assert!(of_message(&message(&[], false), presented(false)).is_none());
    }

    #[test]
    fn a_wildcard_names_its_domain() {
        let whole = of_message(&message(&[PHONE], false), presented(false)).unwrap();
        let named = |names: &[&str], subject: Option<&str>| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            Certificate { names, subject: subject.map(str::to_owned), ..whole.clone() }.host()
        };
        assert_eq!(named(&["*.a.example"], Some("An Organisation")).as_deref(), Some("a.example"));
        assert_eq!(named(&["*.a.example"], Some("b.example")).as_deref(), Some("b.example"));
        assert_eq!(named(&["localhost"], Some("router")), None);
    }
}
