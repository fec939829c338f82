//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use inspect::KnownIdentifier;
use inspect::report::Severity;
use recording::Phone;

use crate::output::Format;
use crate::{help, watch};

/// Shows what a phone tells, and to whom, while it activates.
#[derive(Debug, Parser)]
#[command(version, about, after_help = help::TOP, arg_required_else_help = true, max_term_width = 110)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Analyze captures, or one that grows on standard input
    ///
    /// Reads pcap and pcapng, plain or gzipped.
    #[command(after_help = help::REPLAY)]
    Replay(ReplayArgs),
    /// Watch live on a Linux TUN
    #[command(after_help = help::TUN)]
    Tun(TunArgs),
    /// Show a finding's bytes, decoded step by step
    #[command(after_help = help::EXPLAIN)]
    Explain(ExplainArgs),
    /// Show boots side by side: what is new, gone, changed, and what stays the same
    #[command(after_help = help::COMPARE)]
    Compare(CompareArgs),
    /// Play a phone's first boot, watch it live, and report what it told
    #[cfg(feature = "demo")]
    #[command(after_help = help::DEMO)]
    Demo(DemoArgs),
    /// Print shell completions
    ///
    /// For example: telltale completions bash > /etc/bash_completion.d/telltale
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Arguments of `telltale replay`.
#[derive(Debug, ClapArgs)]
pub struct ReplayArgs {
    /// Captures, analyzed as one session in this order; `-` is standard input
    #[arg(required = true, value_name = "CAPTURE")]
    pub captures: Vec<PathBuf>,
    /// Which end of the capture is the phone: its IP or MAC address
    #[arg(long, value_name = "IP|MAC", value_parser = parse_phone)]
    pub phone: Option<Phone>,
    /// Secrets of its connections, to read what they encrypt: a key log as `SSLKEYLOGFILE` makes it; may be repeated
    #[arg(long, value_name = "FILE")]
    pub keylog: Vec<PathBuf>,
    /// What to look for.
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// What to write, and where.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// Arguments of `telltale tun`.
#[derive(Debug, ClapArgs)]
pub struct TunArgs {
    /// The TUN's name; it is made if need be
    #[arg(long, default_value = "telltale0")]
    pub name: String,
    /// The longest packet the phone may send, in bytes; connections are ended here, so it need not be that of the path
    #[arg(long, value_name = "BYTES", default_value_t = 9000, value_parser = clap::value_parser!(u16).range(1280..))]
    pub mtu: u16,
    /// Move the TUN into this network namespace (`ip netns add NAME` first) and make it the way out there
    #[arg(long, value_name = "NAME")]
    pub netns: Option<String>,
    /// Record into this file (pcapng; Wireshark reads it) every packet, without the content that is encrypted
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Record what is encrypted, too, so that it can be decrypted later
    #[arg(long, requires = "record")]
    pub record_whole: bool,
    /// Send DNS to this server, whichever the phone asks
    #[arg(long, value_name = "IP")]
    pub dns: Option<IpAddr>,
    /// Carry packets without inspecting them, for `cargo xtask bench`: the report is empty
    #[arg(long, hide = true, conflicts_with = "record")]
    pub relay_only: bool,
    /// End by itself after this time: 90, 90s, 10m, 2h
    #[arg(long = "for", value_name = "TIME", value_parser = parse_time)]
    pub time: Option<Duration>,
    /// What to look for.
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// What to write, and where.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// Arguments of `telltale explain`.
#[derive(Debug, ClapArgs)]
pub struct ExplainArgs {
    /// A report in JSON
    #[arg(value_name = "REPORT")]
    pub report: PathBuf,
    /// The finding's number in it
    #[arg(value_name = "ID")]
    pub id: u32,
    /// The capture it was made of, if it is not beside the report; several in their order
    #[arg(long, value_name = "CAPTURE")]
    pub capture: Vec<PathBuf>,
    /// Show identifiers in full instead of masked
    #[arg(long)]
    pub show_values: bool,
    /// When to colour
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
}

/// Arguments of `telltale compare`.
#[derive(Debug, ClapArgs)]
pub struct CompareArgs {
    /// Captures, or reports in JSON: a boot each
    #[arg(required = true, value_name = "BOOT")]
    pub boots: Vec<PathBuf>,
    /// A boot that is known to be good: only what it lacks counts; may be repeated [default: the first BOOT]
    #[arg(long, value_name = "BOOT")]
    pub baseline: Vec<PathBuf>,
    /// Each is another phone, not another boot of the same: what is the same on all of them identifies nobody
    #[arg(long)]
    pub phones: bool,
    /// Which end of the captures is the phone: its IP or MAC address
    #[arg(long, value_name = "IP|MAC", value_parser = parse_phone)]
    pub phone: Option<Phone>,
    /// What to look for in captures.
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// What to write, and where.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// Arguments of `telltale demo`.
#[cfg(feature = "demo")]
#[derive(Debug, ClapArgs)]
pub struct DemoArgs {
    /// The folder for the reports and the recording
    #[arg(short, long, value_name = "DIR", default_value = "telltale-demo")]
    pub output: PathBuf,
    /// Stay after the boot until Ctrl-C, and say how to get into the phone's network
    #[arg(long, conflicts_with = "bundled")]
    pub keep: bool,
    /// Replay the recording that comes with the program instead
    #[arg(long)]
    pub bundled: bool,
    /// Show identifiers in full instead of masked (they belong to nobody)
    #[arg(long)]
    pub show_values: bool,
    /// When to colour
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
}

/// What is known of the phone beforehand.
#[derive(Debug, ClapArgs)]
pub struct SubjectArgs {
    /// A value of this phone to look for, e.g. imei=490154203237518; may be repeated
    #[arg(long, value_name = "KIND=VALUE", value_parser = watch::parse)]
    pub watch: Vec<KnownIdentifier>,
    /// A file of such values: a KIND=VALUE on each line, # begins a comment
    #[arg(long, value_name = "FILE")]
    pub watch_file: Option<PathBuf>,
    /// The country the phone is meant for (ISO 3166, e.g. NO): contacts elsewhere stand out
    #[arg(long, value_name = "CC", value_parser = parse_country)]
    pub home: Option<String>,
}

/// What to write, and where.
#[derive(Debug, ClapArgs)]
pub struct ReportArgs {
    /// The report's format [default: by the ending of --output, else text]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Where to write the report [default: standard output]
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<PathBuf>,
    /// Show identifiers in full instead of masked
    #[arg(long)]
    pub show_values: bool,
    /// Exit with status 1 when something at least this bad was flagged
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub fail_on: Option<FailOn>,
    /// When to colour the text report
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
}

/// When to colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The severity from which on a finding makes the exit status 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Permanent identifiers, readable on the way.
    Critical,
    /// A permanent identifier, in a way its owner would object to.
    High,
    /// An identifier, protected or of limited use.
    Medium,
    /// Unusual, or of little consequence.
    Low,
    /// Anything at all.
    Info,
}

impl FailOn {
    /// As reports say it.
    pub const fn severity(self) -> Severity {
        match self {
            Self::Critical => Severity::Critical,
            Self::High => Severity::High,
            Self::Medium => Severity::Medium,
            Self::Low => Severity::Low,
            Self::Info => Severity::Info,
        }
    }
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(end) => text.split_at(end),
        None => (text, "s"),
    };
    let factor = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        _ => return Err("give a time such as 90s, 10m or 2h".to_owned()),
    };
    let seconds = number.parse::<u32>().map_err(|_| "give a time such as 90s, 10m or 2h".to_owned())?;
    Ok(Duration::from_secs(u64::from(seconds) * factor))
}

fn parse_country(text: &str) -> Result<String, String> {
    let code = text.to_ascii_uppercase();
    match report::country::country_name(&code) {
        Some(_) => Ok(code),
        None if code == "UK" => Err("the code of the United Kingdom is GB".to_owned()),
        None => Err("give the two letters of a country, e.g. NO or DE".to_owned()),
    }
}

fn parse_phone(text: &str) -> Result<Phone, String> {
    if let Ok(ip) = text.parse() {
        return Ok(Phone::Ip(ip));
    }
    parse_mac(text)
        .map(Phone::Mac)
        .ok_or_else(|| "give an IP address (192.168.1.23) or a MAC address (02:00:5e:10:00:fe)".to_owned())
}

fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let mut mac = [0; 6];
    let mut parts = text.split([':', '-']);
    for byte in &mut mac {
        *byte = parts
            .next()
            .filter(|part| part.len() == 2 && !part.starts_with('+'))
            .and_then(|part| u8::from_str_radix(part, 16).ok())?;
    }
    parts.next().is_none().then_some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn phones_are_addresses_of_either_kind() {
        assert_eq!(parse_phone("192.168.1.23"), Ok(Phone::Ip([192, 168, 1, 23].into())));
        assert_eq!(parse_phone("02:00:5E:10:00:fe"), Ok(Phone::Mac([2, 0, 0x5e, 0x10, 0, 0xfe])));
        assert_eq!(parse_phone("02-00-5e-10-00-fe"), Ok(Phone::Mac([2, 0, 0x5e, 0x10, 0, 0xfe])));
        for bad in
            ["", "phone", "02:00:5e:10:00", "02:00:5e:10:00:fe:01", "2:0:5e:10:0:fe", "+2:00:5e:10:00:fe"]
        {
            assert!(parse_phone(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn times_have_units() {
        assert_eq!(parse_time("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_time("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(parse_time("2h"), Ok(Duration::from_secs(7200)));
        for bad in ["", "m", "-1", "1d", "1.5h", "99999999999"] {
            assert!(parse_time(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn countries_are_two_letters() {
        assert_eq!(parse_country("no"), Ok("NO".to_owned()));
        for bad in ["NOR", "é", "", "ZZ"] {
            assert!(parse_country(bad).is_err(), "{bad:?}");
        }
        assert!(parse_country("uk").expect_err("not its code").contains("GB"));
    }
}
