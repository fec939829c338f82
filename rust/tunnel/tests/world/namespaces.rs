//! Three network namespaces: `phone` with the TUN, `engine` with the upstream sockets, `world` with the servers.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

pub const PHONE_V4: &str = "10.77.0.1";
pub const PHONE_V6: &str = "fd77::1";
pub const WORLD_V4: &str = "10.88.0.2";
pub const WORLD_V6: &str = "fd88::2";

/// The namespaces, removed when this is dropped.
pub struct Namespaces {
    prefix: String,
}

impl Namespaces {
    pub fn new() -> Self {
        let namespaces = Self { prefix: format!("tt{}", std::process::id()) };
        for place in ["p", "e", "w"] {
            let name = namespaces.name(place);
            run(&format!("ip netns add {name}"));
            run(&format!("ip -n {name} link set lo up"));
        }
        let (engine, world) = (namespaces.name("e"), namespaces.name("w"));
        run(&format!("ip link add tte netns {engine} type veth peer name ttw netns {world}"));
        for (name, link, v4, v6) in
            [(&engine, "tte", "10.88.0.1", "fd88::1"), (&world, "ttw", WORLD_V4, WORLD_V6)]
        {
            run(&format!("ip -n {name} address add {v4}/24 dev {link}"));
            run(&format!("ip -n {name} address add {v6}/64 dev {link} nodad"));
            run(&format!("ip -n {name} link set {link} up"));
        }
        namespaces
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
        for place in ["p", "e", "w"] {
            let _ = Command::new("ip").args(["netns", "del", &self.name(place)]).status();
        }
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
