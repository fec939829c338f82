//! What is fuzzed: each target is a function that takes any bytes and must neither panic, hang, nor break what it asserts.
//!
//! `cargo xtask fuzz` lets libFuzzer search for bytes that do; the corpora of `fuzz/corpus` are replayed by `cargo test`.

pub mod after;
pub mod certificate;
mod conversation;
pub mod decode;
pub mod decrypted;
pub mod dissect;
mod handshake;
pub mod host_name;
pub mod hpack;
pub mod http2;
pub mod http3;
pub mod keylog;
pub mod netstack;
pub mod packet;
pub mod quic;
mod ranges;
pub mod recording;
pub mod scan;
pub mod session;
pub mod stream;
pub mod tls;
pub mod websocket;
mod wire;

/// Takes any bytes.
pub type Target = fn(&[u8]);

/// Every target by its name, which is that of its folder in `fuzz/corpus`.
pub fn targets() -> impl Iterator<Item = &'static (&'static str, Target)> {
    TARGETS.iter().chain(decode::TARGETS)
}

/// The targets that are no decoder's.
pub const TARGETS: &[(&str, Target)] = &[
    ("certificate", certificate::run),
    ("decrypted", decrypted::run),
    ("coap", after::coap),
    ("discovery", after::discovery),
    ("dissect", dissect::run),
    ("dns", after::dns),
    ("ftp", after::ftp),
    ("host_name", host_name::run),
    ("hpack", hpack::run),
    ("http", after::http),
    ("http2", http2::run),
    ("http3", http3::run),
    ("ike", after::ike),
    ("imap", after::imap),
    ("mcs", after::mcs),
    ("mqtt", after::mqtt),
    ("keylog", keylog::run),
    ("netstack", netstack::run),
    ("ntp", after::ntp),
    ("packet", packet::run),
    ("pop3", after::pop3),
    ("quic", quic::run),
    ("recording", recording::run),
    ("scan", scan::run),
    ("session", session::run_script),
    ("sip", after::sip),
    ("smtp", after::smtp),
    ("stream", stream::run),
    ("stun", after::stun),
    ("supl", after::supl),
    ("tls", tls::run),
    ("websocket", websocket::run),
    ("xmpp", after::xmpp),
];

/// The target of that name.
pub fn target(name: &str) -> Option<Target> {
    targets().find(|(known, _)| *known == name).map(|(_, run)| *run)
}
