//! `telltale tun`: a live session on a Linux TUN.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use inspect::Config;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::sync::mpsc::unbounded_channel;
use tunnel::{Namespace, Sight};

use crate::args::TunArgs;
use crate::live::{self, Screen};
use crate::output::{self, Sink};
use crate::session::{self, Plan};
use crate::{Failure, Outcome, watch};

/// The phone's address when `--netns` sets one up: the one that Android's own VPN apps often use.
const PHONE: &str = "10.215.173.2/32";
const PHONE_V6: &str = "fd66::2/128";

/// Runs the command.
///
/// # Errors
/// A missing right, or a recording or report that cannot be written.
pub fn run(args: &TunArgs) -> Result<Outcome, Failure> {
    args.record.as_deref().map(output::check_place).transpose()?;
    let sink = Sink::new(&args.report, args.record.as_slice())?;
    let watch = watch::all(&args.subject)?;
    args.netns.as_deref().map(check_namespace).transpose()?;
    let tun = match &args.netns {
        Some(netns) => within(netns, || open(&args.name).and_then(|tun| route(args).map(|()| tun)))?,
        None => open(&args.name)?,
    };
    let recording = args.record.as_deref().map(session::create_recording).transpose()?;
    if args.netns.is_none() {
        live::line(&advice(&args.name, args.mtu));
    }
    let plan = Plan {
        inspect: Config { source: source(args), home: args.subject.home.clone(), watch, ..Config::default() },
        mtu: usize::from(args.mtu),
        dns: args.dns,
        recording,
        sight: match (args.relay_only, args.record_whole) {
            (true, _) => Sight::Nothing,
            (false, true) => Sight::Whole,
            (false, false) => Sight::Readable,
        },
        screen: Screen::new(args.report.color, args.report.show_values),
    };
    let (sender, commands) = unbounded_channel();
    let end = sender.clone();
    let outcome = session::run(plan, tun, Namespace, (sender, commands), || {
        live::line("telltale: watching; Ctrl-C ends it with the report");
        if let Some(time) = args.time {
            session::stop_after(time, end);
        }
    })?;
    let failed = session::complain(&outcome);
    let result = sink.write(&outcome.report)?;
    Ok(if failed { Outcome::Partial } else { result })
}

/// What the report calls the session: the recording, so that `explain` finds it, else the TUN.
fn source(args: &TunArgs) -> String {
    match args.record.as_deref().and_then(Path::file_name) {
        Some(name) => name.to_string_lossy().into_owned(),
        None => format!("tun {}", args.name),
    }
}

fn open(name: &str) -> Result<OwnedFd, Failure> {
    tunnel::linux::open_tun(name).map_err(|error| {
        let mend = match error.kind() {
            io::ErrorKind::NotFound => "there is no /dev/net/tun; load it with `modprobe tun`",
            io::ErrorKind::PermissionDenied => {
                "that needs the right CAP_NET_ADMIN; run it with sudo, or in a namespace of your own (`unshare -rn`)"
            }
            io::ErrorKind::ResourceBusy => "another program holds it; choose another --name",
            _ => return Failure(format!("{name}: cannot be opened: {error}")),
        };
        Failure(format!("{name}: cannot be opened: {mend}"))
    })
}

/// The commands that send traffic into the TUN.
fn advice(name: &str, mtu: u16) -> String {
    format!(
        "\
telltale: {name} is open; nothing goes through it yet. Either watch a phone that this machine is the router of
(here 192.168.1.50; this machine's own traffic stays out):
    ip link set {name} mtu {mtu} up
    sysctl -w net.ipv4.ip_forward=1 net.ipv4.conf.{name}.rp_filter=0
    ip route add default dev {name} table 77
    ip rule add from 192.168.1.50 lookup 77
or a program in a network namespace (`--netns phone` does this for you):
    ip netns add phone
    ip link set {name} netns phone
    ip -n phone addr add {PHONE} dev {name}
    ip -n phone link set {name} mtu {mtu} up
    ip -n phone route add default dev {name}
    ip netns exec phone curl http://example.com/"
    )
}

/// Where `ip netns` keeps its namespaces (ip-netns(8)).
const NAMESPACES: &str = "/run/netns";

fn check_namespace(name: &str) -> Result<(), Failure> {
    match Path::new(NAMESPACES).join(name).exists() {
        true => Ok(()),
        false => Err(Failure(format!(
            "{name}: there is no such network namespace; `ip netns add {name}` makes it"
        ))),
    }
}

/// Does `work` in a network namespace, on a thread of its own: the caller's stays where it is.
fn within<T: Send>(netns: &str, work: impl FnOnce() -> Result<T, Failure> + Send) -> Result<T, Failure> {
    let enter = || -> io::Result<()> {
        let namespace = File::open(Path::new(NAMESPACES).join(netns))?;
        Ok(move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?)
    };
    let inside = || {
        enter().map_err(|error| Failure(format!("{netns}: cannot be entered: {error}")))?;
        work()
    };
    thread::scope(|scope| scope.spawn(inside).join().expect("it does not panic"))
}

/// Makes the TUN the default route of the thread's namespace. A session that ends takes all of it away.
fn route(args: &TunArgs) -> Result<(), Failure> {
    let (name, mtu) = (&args.name, args.mtu);
    let needed = [
        "link set lo up".to_owned(),
        format!("addr add {PHONE} dev {name}"),
        format!("link set {name} mtu {mtu} up"),
        format!("route add default dev {name}"),
    ];
    // A kernel without IPv6 is no reason to stop.
    let wanted = [format!("addr add {PHONE_V6} dev {name} nodad"), format!("route add ::/0 dev {name}")];
    ip(&needed, &wanted)
}

/// Has one `ip` run commands, for each process takes as long as a session that begins. It stops at the first that fails,
/// which is one of `needed` or else is no failure.
fn ip(needed: &[String], wanted: &[String]) -> Result<(), Failure> {
    let commands = [needed, wanted].concat().join("\n");
    let run = || -> io::Result<Output> {
        let pipes =
            || Command::new("ip").args(["-batch", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = pipes()?;
        // Without an end of its input it would wait for ever.
        child.stdin.take().map_or(Ok(()), |mut input| input.write_all(commands.as_bytes()))?;
        child.wait_with_output()
    };
    let output = run().map_err(|error| Failure(format!("`ip` does not run: {error}; install iproute2")))?;
    let said = String::from_utf8_lossy(&output.stderr);
    // It says "Command failed -:3" of its third line.
    let failed = said.rsplit_once("-:").and_then(|(_, line)| line.trim().parse::<usize>().ok());
    match failed {
        _ if output.status.success() => Ok(()),
        Some(line) if line > needed.len() => Ok(()),
        Some(line) if line > 0 => Err(Failure(format!("`ip {}`: {}", needed[line - 1], said.trim()))),
        _ => Err(Failure(format!("`ip`: {}", said.trim()))),
    }
}
