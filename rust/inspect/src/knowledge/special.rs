//! Addresses that are in no country: special-purpose blocks (RFC 6890 and IANA's registries), multicast, and what no
//! registry has given out.

use std::net::IpAddr;

/// First address and prefix length.
const IPV4: [(u32, u32); 15] = [
    (0x0000_0000, 8),  // this network
    (0x0a00_0000, 8),  // private
    (0x6440_0000, 10), // carrier-grade NAT
    (0x7f00_0000, 8),  // loopback
    (0xa9fe_0000, 16), // link-local
    (0xac10_0000, 12), // private
    (0xc000_0000, 24), // IETF protocol assignments
    (0xc000_0200, 24), // documentation
    (0xc058_6300, 24), // 6to4 relay anycast
    (0xc0a8_0000, 16), // private
    (0xc612_0000, 15), // benchmarks
    (0xc633_6400, 24), // documentation
    (0xcb00_7100, 24), // documentation
    (0xe000_0000, 4),  // multicast
    (0xf000_0000, 4),  // reserved, broadcast
];

/// First 64 bits and prefix length, inside the global unicast block.
const IPV6: [(u64, u32); 5] = [
    (0x2001_0000_0000_0000, 23), // IETF protocol assignments (Teredo, benchmarks, ORCHID)
    (0x2001_0db8_0000_0000, 32), // documentation
    (0x2002_0000_0000_0000, 16), // 6to4
    (0x3fff_0000_0000_0000, 20), // documentation
    (0x3ffe_0000_0000_0000, 16), // 6bone, returned
];

/// Whether the address is in no country.
pub(super) fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let bits = v4.to_bits();
            IPV4.iter().any(|&(first, length)| (bits ^ first) >> (32 - length) == 0)
        }
        IpAddr::V6(v6) => {
            let high = (v6.to_bits() >> 64) as u64;
            // Only 2000::/3 is global unicast (RFC 4291, IANA).
            high >> 61 != 1 || IPV6.iter().any(|&(first, length)| (high ^ first) >> (64 - length) == 0)
        }
    }
}
