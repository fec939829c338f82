//! What the help teaches at its end. A paragraph is one line: clap breaks it to the terminal's width.

/// After `telltale --help`.
pub const TOP: &str = "\
Exit status:
  0  nothing was flagged at or above --fail-on (without --fail-on: nothing counts)
  1  something was flagged at or above --fail-on
  2  bad input or usage; what could be read is reported all the same

Start with `telltale demo`, which plays a phone's first boot, then `telltale help replay`.";

/// After `telltale replay --help`.
pub const REPLAY: &str = "\
Examples:
  telltale replay boot.pcapng                   a report on the terminal
  telltale replay boot.pcapng -o report.html    a page to read and to pass on
  telltale replay boot.pcapng --fail-on high    exit status 1 when it is that bad
  telltale replay monday.pcap tuesday.pcap      two captures as one session, in this order

Live from a router, until Ctrl-C:
  ssh root@router 'tcpdump -i br-lan -U -s 0 -w - host 192.168.1.23' | telltale replay -

Capturing: the router, or a laptop that shares its network, sees all that a phone sends over Wi-Fi. Start the \
capture before the phone is switched on, and record whole packets (-s 0). When the capture does not tell which end \
is the phone, say so with --phone. An app such as PCAPdroid records on the phone itself.

Your own identifiers: dial *#06# for the IMEI; the ICCID is printed on the SIM card; Settings > About phone shows \
the Wi-Fi MAC address and the serial number. Given with --watch (or --watch-file, which keeps them out of the \
shell's history), they are found in every encoding, and also hashed. They stay on this machine.

Encrypted connections: programs that write a key log (SSLKEYLOGFILE: browsers, curl, a debugging proxy) let you read what they sent. Give it with --keylog; secrets in a pcapng are used by themselves. What is found in it is marked.

Exit status: 0 nothing flagged at or above --fail-on, 1 something was, 2 bad input or usage.";

/// After `telltale tun --help`.
pub const TUN: &str = "\
Examples:
  sudo telltale tun --record boot.pcapng -o report.html
  sudo ip netns add phone && sudo telltale tun --netns phone --for 10m
  sudo telltale tun --watch-file mine.txt --home NO --dns 9.9.9.9

The first one prints the commands that send a phone's traffic into the TUN. The second one watches what runs in the \
namespace (ip netns exec phone ...).

The engine keeps the phone online: it ends each connection here and opens its own to the same address. Findings are \
shown as they come; Ctrl-C (or SIGTERM, or --for) ends the session with the report. The recording replays to the \
same report: telltale replay boot.pcapng.

Exit status: 0 nothing flagged at or above --fail-on, 1 something was, 2 a missing right, bad usage, or a recording \
that could not be kept.";

/// After `telltale explain --help`.
pub const EXPLAIN: &str = "\
Examples:
  telltale replay boot.pcapng -o report.json && telltale explain report.json 1
  telltale explain report.json 1 --capture /archive/boot.pcapng --show-values

The capture is read again: the report names it, and it is looked for beside the report, then here. Shown are the \
bytes on the wire around each identifier, then what each decoding step makes of them, with the identifiers marked.";

/// After `telltale compare --help`.
pub const COMPARE: &str = "\
Examples:
  telltale compare monday.pcapng tuesday.pcapng wednesday.pcapng
  telltale compare before.json after.json -o update.html
  telltale compare --baseline good.json build-4711.pcapng --fail-on low
  telltale compare --phones mine.pcapng yours.pcapng

A host is recognised by its name with the numbers left out (ota-cache1 and ota-cache2 are the same), without a name \
by its network. Times, local ports and the addresses of a name are not compared. A capture is analyzed as \
`telltale replay` does it; of a report that hides values, values are compared as far as they are shown: make it with \
--show-values to be sure.

For a build server: the baseline is what the vendor knows to be good; --fail-on low lets the build fail when a host is \
contacted that neither the baseline nor any normal boot contacts, --fail-on high only for new findings that are that bad.

Exit status: 0 nothing new at or above --fail-on, 1 something is, 2 bad input or usage.";

/// After `telltale demo --help`.
#[cfg(feature = "demo")]
pub const DEMO: &str = "\
The demo is played on this machine alone, in network namespaces without names: a phone, whose traffic goes into a \
TUN; the engine; and servers that have the addresses of the real ones there, so that countries are shown as they \
would be. Everything is gone when the program ends, however it ends. Time is shortened: what waits 60 s after a \
boot waits 3 s here.

It needs root, or a kernel that allows user namespaces, and the command `ip`. Without, a recording of the demo is \
replayed instead, and it says so.";
