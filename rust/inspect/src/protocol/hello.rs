//! ClientHello and ServerHello (RFC 8446 section 4.1), as TLS, DTLS and QUIC carry them.

use std::ops::Range;

use super::ja4::ja4;
use super::psk;
use super::reader::Reader;
use super::{Carrier, ClientHello, ServerHello};

/// Extension types that are read (IANA's TLS ExtensionType registry).
pub(super) mod extension {
    pub(in super::super) const SERVER_NAME: u16 = 0;
    pub(in super::super) const SIGNATURE_ALGORITHMS: u16 = 13;
    pub(in super::super) const ALPN: u16 = 16;
    pub(in super::super) const ENCRYPT_THEN_MAC: u16 = 22;
    pub(in super::super) const PRE_SHARED_KEY: u16 = 41;
    pub(in super::super) const EARLY_DATA: u16 = 42;
    pub(in super::super) const SUPPORTED_VERSIONS: u16 = 43;
    pub(in super::super) const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
    /// The draft before it (draft-ietf-tls-esni-02 to -06).
    pub(in super::super) const ENCRYPTED_SERVER_NAME: u16 = 0xffce;
}

/// Handshake message types.
pub(super) const CLIENT_HELLO: u8 = 1;
pub(super) const SERVER_HELLO: u8 = 2;

/// More extensions than any client sends.
const MAX_EXTENSIONS: usize = 512;
const MAX_ALPN: usize = 32;

/// The random of a HelloRetryRequest (RFC 8446 section 4.1.3).
const RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Values reserved so that peers keep ignoring what they do not know (RFC 8701).
pub(super) fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

/// A ClientHello's fields.
#[derive(Debug, Clone, Default)]
pub(super) struct Hello<'a> {
    legacy_version: u16,
    random: [u8; 32],
    ciphers: &'a [u8],
    /// Type and content.
    pub(super) extensions: Vec<(u16, &'a [u8])>,
    /// Whether it was there up to its last byte.
    whole: bool,
}

impl<'a> Hello<'a> {
    /// Takes apart a ClientHello's body, or as much of it as there is. `None` when not even the version is there.
    pub(super) fn parse(body: &'a [u8], carrier: Carrier) -> Option<Self> {
        let mut reader = Reader(body);
        let mut hello = Self { legacy_version: reader.u16()?, ..Self::default() };
        hello.whole = hello.parse_rest(&mut reader, carrier).is_some();
        Some(hello)
    }

    /// An SSL 2.0 compatible ClientHello (RFC 5246 appendix E.2); its cipher suites with a leading zero are TLS's.
    fn parse_v2(body: &[u8]) -> Option<(u16, Vec<u8>)> {
        let mut reader = Reader(body);
        let version = reader.u16()?;
        let specs = usize::from(reader.u16()?);
        reader.take(4)?;
        let specs = reader.take(specs)?;
        let suites = specs.chunks_exact(3).filter(|spec| spec[0] == 0).flat_map(|spec| [spec[1], spec[2]]);
        Some((version, suites.collect()))
    }

    fn parse_rest(&mut self, reader: &mut Reader<'a>, carrier: Carrier) -> Option<()> {
        self.random = reader.take(32)?.try_into().ok()?;
        reader.vec8()?;
        if carrier == Carrier::Dtls {
            reader.vec8()?;
        }
        self.ciphers = reader.vec16()?.0;
        reader.vec8()?;
        if reader.is_empty() {
            return Some(());
        }
        let declared = usize::from(reader.u16()?);
        let mut extensions = Reader(reader.take_up_to(declared));
        let complete = extensions.0.len() == declared;
        while !extensions.is_empty() {
            let (kind, len) = (extensions.u16()?, extensions.u16()?);
            let content = extensions.take_up_to(len.into());
            if self.extensions.len() == MAX_EXTENSIONS {
                return None;
            }
            self.extensions.push((kind, content));
            if content.len() < usize::from(len) {
                return None;
            }
        }
        complete.then_some(())
    }

    /// The content of an extension.
    pub(super) fn extension(&self, kind: u16) -> Option<Reader<'a>> {
        self.extensions.iter().find(|extension| extension.0 == kind).map(|extension| Reader(extension.1))
    }

    /// The cipher suites in order.
    pub(super) fn ciphers(&self) -> impl Iterator<Item = u16> {
        words(self.ciphers)
    }

    /// The signature algorithms in order.
    pub(super) fn signature_algorithms(&self) -> impl Iterator<Item = u16> {
        let list = self.extension(extension::SIGNATURE_ALGORITHMS).and_then(|mut content| content.vec16());
        words(list.map_or(&[], |list| list.0))
    }

    /// The protocols offered, in order.
    pub(super) fn alpn(&self) -> impl Iterator<Item = &'a [u8]> {
        let mut list = self.extension(extension::ALPN).and_then(|mut content| content.vec16());
        std::iter::from_fn(move || list.as_mut()?.vec8().map(|protocol| protocol.0)).take(MAX_ALPN)
    }

    /// The highest version offered.
    pub(super) fn version(&self, carrier: Carrier) -> u16 {
        let list = self.extension(extension::SUPPORTED_VERSIONS).and_then(|mut content| content.vec8());
        let versions = words(list.map_or(&[], |list| list.0)).filter(|&version| !is_grease(version));
        let highest = match carrier {
            // DTLS counts downwards.
            Carrier::Dtls => versions.filter(|version| version >> 8 == 0xfe).min(),
            Carrier::Tcp | Carrier::Quic => versions.max(),
        };
        highest.unwrap_or(self.legacy_version)
    }

    fn sni(&self) -> Option<String> {
        let mut list = Reader(self.extension(extension::SERVER_NAME)?.0.get(2..)?);
        while let Some(kind) = list.u8() {
            let len = list.u16()?;
            let name = list.take(len.into())?;
            if kind == 0 {
                return host_name(name);
            }
        }
        None
    }
}

/// What a ClientHello's body says. Of one that is cut short, what can be told: no fingerprint, and nothing at all
/// when it does not reach to the server name.
pub(super) fn client_hello(body: &[u8], carrier: Carrier, range: Range<u64>) -> Option<ClientHello> {
    let hello = Hello::parse(body, carrier)?;
    let sni = hello.sni();
    if !hello.whole && sni.is_none() {
        return None;
    }
    Some(ClientHello {
        sni,
        alpn: hello.alpn().map(|protocol| String::from_utf8_lossy(protocol).into_owned()).collect(),
        version: hello.version(carrier),
        ech: [extension::ENCRYPTED_CLIENT_HELLO, extension::ENCRYPTED_SERVER_NAME]
            .iter()
            .any(|kind| hello.extension(*kind).is_some()),
        random: hello.random,
        early_data: hello.extension(extension::EARLY_DATA).is_some(),
        psk_identities: hello.extension(extension::PRE_SHARED_KEY).map(psk::of_extension).unwrap_or_default(),
        ja4: if hello.whole { ja4(&hello, carrier) } else { String::new() },
        carrier,
        range,
    })
}

/// What an SSL 2.0 compatible ClientHello says, from after its type byte.
pub(super) fn client_hello_v2(body: &[u8], range: Range<u64>) -> Option<ClientHello> {
    let (version, suites) = Hello::parse_v2(body)?;
    let hello = Hello { legacy_version: version, ciphers: &suites, whole: true, ..Hello::default() };
    Some(ClientHello { version, ja4: ja4(&hello, Carrier::Tcp), range, ..ClientHello::default() })
}

/// What a ServerHello's body says.
pub(super) fn server_hello(body: &[u8]) -> Option<ServerHello> {
    let mut reader = Reader(body);
    let legacy_version = reader.u16()?;
    let random: [u8; 32] = reader.take(32)?.try_into().ok()?;
    reader.vec8()?;
    let cipher = reader.u16()?;
    reader.u8()?;
    let (mut version, mut encrypt_then_mac) = (None, false);
    let mut extensions = reader.vec16().unwrap_or(Reader(&[]));
    while let (Some(kind), Some(mut content)) = (extensions.u16(), extensions.vec16()) {
        if kind == extension::SUPPORTED_VERSIONS {
            version = content.u16();
        }
        encrypt_then_mac |= kind == extension::ENCRYPT_THEN_MAC;
    }
    Some(ServerHello {
        version: version.unwrap_or(legacy_version),
        cipher,
        retry: random == RETRY_RANDOM,
        random,
        encrypt_then_mac,
    })
}

/// A host name as it can stand in DNS (underscores allowed), or an address; lower case, without a trailing dot.
pub(super) fn host_name(bytes: &[u8]) -> Option<String> {
    let name = bytes.strip_suffix(b".").unwrap_or(bytes);
    let valid = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:".contains(byte);
    if name.is_empty() || name.len() > 255 || !name.iter().all(valid) {
        return None;
    }
    Some(name.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect())
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
}
