//! Four network namespaces: `phone` with the TUN, `engine` with the upstream sockets, `world` with the servers, and `far`
//! with the same servers behind it.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

pub const PHONE_V4: &str = "10.77.0.1";
pub const PHONE_V6: &str = "fd77::1";
pub const WORLD_V4: &str = "10.88.0.2";
pub const WORLD_V6: &str = "fd88::2";
pub const FAR_V4: &str = "10.90.0.2";
pub const FAR_V6: &str = "fd90::2";

/// The first letters of their names.
const PLACES: [&str; 4] = ["p", "e", "w", "f"];

/// The namespaces, removed when this is dropped.
pub struct Namespaces {
    prefix: String,
}

impl Namespaces {
    pub fn new() -> Self {
        let namespaces = Self { prefix: format!("tt{}", std::process::id()) };
        for place in PLACES {
            let name = namespaces.name(place);
            run(&format!("ip netns add {name}"));
            run(&format!("ip -n {name} link set lo up"));
        }
        let [_, engine, world, far] = PLACES.map(|place| namespaces.name(place));
        wire((&engine, "tte", "10.88.0.1", "fd88::1"), (&world, "ttw", WORLD_V4, WORLD_V6));
        wire((&world, "ttwf", "10.90.0.1", "fd90::1"), (&far, "ttf", FAR_V4, FAR_V6));
        namespaces.set("w", "ipv4/ip_forward", "1");
        namespaces.set("w", "ipv6/conf/all/forwarding", "1");
        run(&format!("ip -n {engine} route add 10.90.0.0/24 via {WORLD_V4}"));
        run(&format!("ip -n {engine} -6 route add fd90::/64 via {WORLD_V6}"));
        run(&format!("ip -n {far} route add default via 10.90.0.1"));
        run(&format!("ip -n {far} -6 route add default via fd90::1"));
        namespaces
    }

    /// Makes the last link to `far`, which the engine does not see, so narrow.
    pub fn narrow_path(&self, mtu: usize) {
        for (place, link) in [("w", "ttwf"), ("f", "ttf")] {
            run(&format!("ip -n {} link set {link} mtu {mtu}", self.name(place)));
        }
    }

    /// Takes the engine's link, its addresses and its routes away.
    pub fn lose_uplink(&self) {
        run(&format!("ip -n {} link del tte", self.name("e")));
    }

    /// Gives the engine another network, with other addresses, through which it reaches the world's addresses.
    pub fn gain_uplink(&self) {
        let (engine, world) = (self.name("e"), self.name("w"));
        run(&format!("ip -n {world} address add {WORLD_V4}/32 dev lo"));
        run(&format!("ip -n {world} address add {WORLD_V6}/128 dev lo nodad"));
        wire((&engine, "tte2", "10.89.0.1", "fd89::1"), (&world, "ttw2", "10.89.0.2", "fd89::2"));
        // The world's UDP servers answer from the address that they are known by.
        run(&format!("ip -n {world} route add 10.89.0.1/32 dev ttw2 src {WORLD_V4}"));
        run(&format!("ip -n {world} -6 route add fd89::1/128 dev ttw2 src {WORLD_V6}"));
        run(&format!("ip -n {engine} route add default via 10.89.0.2"));
        run(&format!("ip -n {engine} -6 route add default via fd89::2"));
    }

    /// Ends the connections of a place with an error, as Android does when an address goes.
    pub fn destroy_sockets(&self, place: &str) {
        let killed = self.command(place, "ss").args(["-K", "-t", "-u", "-n"]).stdout(Stdio::null()).status();
        assert!(killed.is_ok_and(|status| status.success()), "ss -K");
    }

    /// Sets a `sysctl` of a namespace, named by its path below `net`.
    pub fn set(&self, place: &str, setting: &str, value: &str) {
        // The file is that of the reading thread's namespace.
        self.inside(place, || std::fs::write(format!("/proc/sys/net/{setting}"), value).expect("to set it"));
    }

    /// Makes the phone's TUN, its only way out.
    pub fn open_tun(&self, mtu: usize) -> OwnedFd {
        let fd = self.inside("p", || tunnel::linux::open_tun("tun0")).expect("a TUN");
        let phone = self.name("p");
        run(&format!("ip -n {phone} link set tun0 mtu {mtu}"));
        run(&format!("ip -n {phone} address add {PHONE_V4}/24 dev tun0"));
        run(&format!("ip -n {phone} address add {PHONE_V6}/64 dev tun0 nodad"));
        run(&format!("ip -n {phone} link set tun0 up"));
        run(&format!("ip -n {phone} route add default dev tun0"));
        run(&format!("ip -n {phone} -6 route add default dev tun0"));
        fd
    }

    pub fn name(&self, place: &str) -> String {
        format!("{}{place}", self.prefix)
    }

    /// Runs `work` on a thread of its own in a namespace and waits for it.
    pub fn inside<R: Send>(&self, place: &str, work: impl FnOnce() -> R + Send) -> R {
        let name = self.name(place);
        thread::scope(|scope| {
            scope
                .spawn(move || {
                    enter(&name);
                    work()
                })
                .join()
                .expect("the work in the namespace")
        })
    }

    /// A command in the phone's namespace.
    pub fn phone_command(&self, program: &str) -> Command {
        self.command("p", program)
    }

    /// A command in any of them.
    pub fn command(&self, place: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name(place), program]).stdin(Stdio::null());
        command
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for place in PLACES {
            let _ = Command::new("ip").args(["netns", "del", &self.name(place)]).status();
        }
    }
}

/// A namespace, a link in it, and the link's addresses.
type End<'a> = (&'a str, &'a str, &'a str, &'a str);

fn wire(one: End<'_>, other: End<'_>) {
    run(&format!("ip link add {} netns {} type veth peer name {} netns {}", one.1, one.0, other.1, other.0));
    for (name, link, v4, v6) in [one, other] {
        run(&format!("ip -n {name} address add {v4}/24 dev {link}"));
        run(&format!("ip -n {name} address add {v6}/64 dev {link} nodad"));
        run(&format!("ip -n {name} link set {link} up"));
    }
}

/// Moves the calling thread into the namespace.
pub fn enter(name: &str) {
    let file = File::open(format!("/run/netns/{name}")).expect("the namespace's file");
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
        .expect("to enter the namespace");
}

fn run(command: &str) {
    let mut words = command.split(' ');
    let status = Command::new(words.next().expect("a program")).args(words).status();
    assert!(status.is_ok_and(|status| status.success()), "{command}: failed");
}
