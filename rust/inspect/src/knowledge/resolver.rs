//! Well-known resolvers that answer DNS over HTTPS (RFC 8484), from what their operators publish.

/// Names and addresses, sorted.
const RESOLVERS: &[&str] = &[
    "1.0.0.1",
    "1.1.1.1",
    "149.112.112.112",
    "2001:4860:4860::8844",
    "2001:4860:4860::8888",
    "223.5.5.5",
    "223.6.6.6",
    "2606:4700:4700::1001",
    "2606:4700:4700::1111",
    "2620:fe::9",
    "2620:fe::fe",
    "8.8.4.4",
    "8.8.8.8",
    "9.9.9.9",
    "adblock.dns.mullvad.net",
    "base.dns.mullvad.net",
    "chrome.cloudflare-dns.com",
    "cloudflare-dns.com",
    "dns-family.adguard.com",
    "dns-unfiltered.adguard.com",
    "dns.adguard-dns.com",
    "dns.adguard.com",
    "dns.alidns.com",
    "dns.google",
    "dns.google.com",
    "dns.mullvad.net",
    "dns.nextdns.io",
    "dns.pub",
    "dns.quad9.net",
    "dns.sb",
    "dns.switch.ch",
    "dns10.quad9.net",
    "dns11.quad9.net",
    "dns64.cloudflare-dns.com",
    "dns64.dns.google",
    "dns9.quad9.net",
    "doh.360.cn",
    "doh.cleanbrowsing.org",
    "doh.dns.sb",
    "doh.familyshield.opendns.com",
    "doh.mullvad.net",
    "doh.opendns.com",
    "doh.pub",
    "family.adguard-dns.com",
    "family.cloudflare-dns.com",
    "firefox.dns.nextdns.io",
    "freedns.controld.com",
    "mozilla.cloudflare-dns.com",
    "one.one.one.one",
    "security.cloudflare-dns.com",
    "unfiltered.adguard-dns.com",
];

/// Whether a host name, or an address as text, is that of a resolver which answers over HTTPS. One that does other things
/// too, or that only its user knows, is not among them.
pub fn is_resolver(host: &str) -> bool {
    RESOLVERS.binary_search(&host).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_found_in() {
        assert!(RESOLVERS.is_sorted());
        assert!(is_resolver("dns.google") && is_resolver("2606:4700:4700::1111"));
        assert!(!is_resolver("google.com") && !is_resolver("a.dns.google"));
    }
}
