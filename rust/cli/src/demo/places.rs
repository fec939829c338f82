//! The demo's addresses. Those of the servers look like the real ones, so that the report shows real countries; they
//! exist in the demo's own network namespace only, and nothing leaves the machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The phone's address on its TUN.
pub const PHONE: Ipv4Addr = Ipv4Addr::new(10, 215, 173, 2);
/// The same for IPv6 (unique local, RFC 4193).
pub const PHONE_V6: Ipv6Addr = Ipv6Addr::new(0xfd66, 0, 0, 0, 0, 0, 0, 2);
/// The engine's end of the wire to the world.
pub const ENGINE: Ipv4Addr = Ipv4Addr::new(10, 88, 0, 1);
/// The same for IPv6.
pub const ENGINE_V6: Ipv6Addr = Ipv6Addr::new(0xfd88, 0, 0, 0, 0, 0, 0, 1);
/// The world's end of it.
pub const WORLD: Ipv4Addr = Ipv4Addr::new(10, 88, 0, 2);
/// The same for IPv6.
pub const WORLD_V6: Ipv6Addr = Ipv6Addr::new(0xfd88, 0, 0, 0, 0, 0, 0, 2);

/// A server of the demo's world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its host name.
    pub name: &'static str,
    /// Its address.
    pub v4: Ipv4Addr,
    /// Its IPv6 address, if it has one.
    pub v6: Option<Ipv6Addr>,
}

/// The network's resolver.
pub const RESOLVER: Place = place("resolver.demo.invalid", [9, 9, 9, 9], None);
/// China Telecom's registration. The address is the one that module firmware falls back to.
pub const REGISTRATION: Place = place("zzhc.vnet.cn", [42, 99, 2, 15], None);
/// Android's connectivity check.
pub const CONNECTIVITY: Place = place(
    "connectivitycheck.gstatic.com",
    [142, 250, 74, 67],
    Some([0x2a00, 0x1450, 0x400f, 0x80a, 0, 0, 0, 0x2003]),
);
/// Android's check-in.
pub const CHECK_IN: Place = place(
    "android.clients.google.com",
    [142, 250, 74, 46],
    Some([0x2a00, 0x1450, 0x400f, 0x80c, 0, 0, 0, 0x200e]),
);
/// An analytics service.
pub const ANALYTICS: Place = place("app-measurement.com", [142, 250, 74, 78], None);
/// Android's time server.
pub const TIME: Place = place("time.android.com", [216, 239, 35, 0], None);
/// An ordinary page, over HTTP and HTTPS.
pub const PAGE: Place = place(
    "www.example.com",
    [93, 184, 215, 14],
    Some([0x2606, 0x2800, 0x21f, 0xcb07, 0x6820, 0x80da, 0xaf6b, 0x8b2c]),
);

/// Every server.
pub const ALL: [Place; 7] = [RESOLVER, REGISTRATION, CONNECTIVITY, CHECK_IN, ANALYTICS, TIME, PAGE];

const fn place(name: &'static str, v4: [u8; 4], v6: Option<[u16; 8]>) -> Place {
    let v6 = match v6 {
        Some([a, b, c, d, e, f, g, h]) => Some(Ipv6Addr::new(a, b, c, d, e, f, g, h)),
        None => None,
    };
    Place { name, v4: Ipv4Addr::new(v4[0], v4[1], v4[2], v4[3]), v6 }
}

impl Place {
    /// Its addresses; the IPv6 one only when `v6` works.
    pub fn addresses(&self, v6: bool) -> impl Iterator<Item = IpAddr> {
        let second = self.v6.filter(|_| v6).map(IpAddr::from);
        [IpAddr::from(self.v4)].into_iter().chain(second)
    }
}
