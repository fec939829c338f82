//! `telltale tun`: a live session on a Linux TUN.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};

use inspect::Config;
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
    let tun = open(&args.name)?;
    let recording = args.record.as_deref().map(session::create_recording).transpose()?;
    match &args.netns {
        Some(netns) => wire(netns, args)?,
        None => live::line(&advice(&args.name, args.mtu)),
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
fn check_namespace(name: &str) -> Result<(), Failure> {
    match Path::new("/run/netns").join(name).exists() {
        true => Ok(()),
        false => Err(Failure(format!(
            "{name}: there is no such network namespace; `ip netns add {name}` makes it"
        ))),
    }
}

/// Moves the TUN into a namespace and makes it the default route there. A session that ends takes all of it away.
fn wire(netns: &str, args: &TunArgs) -> Result<(), Failure> {
    let (name, mtu) = (&args.name, args.mtu);
    ip(&["link", "set", name, "netns", netns])?;
    let inside = |rest: &str| ip(&[&["-n", netns], rest.split(' ').collect::<Vec<_>>().as_slice()].concat());
    inside("link set lo up")?;
    inside(&format!("addr add {PHONE} dev {name}"))?;
    inside(&format!("link set {name} mtu {mtu} up"))?;
    inside(&format!("route add default dev {name}"))?;
    // A kernel without IPv6 is no reason to stop.
    let _ = inside(&format!("-6 addr add {PHONE_V6} dev {name} nodad"))
        .and_then(|()| inside(&format!("-6 route add default dev {name}")));
    Ok(())
}

fn ip(arguments: &[&str]) -> Result<(), Failure> {
    let shown = arguments.join(" ");
    let output = Command::new("ip")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure(format!("`ip {shown}` does not run: {error}; install iproute2")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Failure(format!("`ip {shown}`: {}", String::from_utf8_lossy(&output.stderr).trim())))
}
