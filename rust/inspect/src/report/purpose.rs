//! What a flow is for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a flow is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Asks whether the network leads to the Internet, or to a log-in page.
    ConnectivityCheck,
    /// Sets the clock.
    Time,
    /// Waits for messages to be pushed to the phone.
    Push,
    /// Reports the phone and its software to the maker of the system, which answers with its settings.
    CheckIn,
    /// Registers or activates the phone, its SIM or both with somebody.
    Registration,
    /// Looks for, or fetches, a new system.
    Firmware,
    /// Counts use.
    Analytics,
    /// Reports crashes.
    Crash,
    /// Fetches advertisements, or counts them.
    Ads,
    /// Fetches what helps to find the phone's place: orbits of satellites, places of masts and access points.
    LocationAssistance,
    /// Belongs to an account: logging in, synchronising.
    Account,
    /// Fetches settings.
    Config,
    /// Asks for addresses of names.
    Dns,
    /// Nothing tells.
    #[default]
    Unknown,
}

impl Purpose {
    /// Every purpose, in declaration order.
    pub const ALL: [Self; 14] = [
        Self::ConnectivityCheck,
        Self::Time,
        Self::Push,
        Self::CheckIn,
        Self::Registration,
        Self::Firmware,
        Self::Analytics,
        Self::Crash,
        Self::Ads,
        Self::LocationAssistance,
        Self::Account,
        Self::Config,
        Self::Dns,
        Self::Unknown,
    ];

    /// The stable name, as in reports and in the table of hosts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConnectivityCheck => "connectivity_check",
            Self::Time => "time",
            Self::Push => "push",
            Self::CheckIn => "check_in",
            Self::Registration => "registration",
            Self::Firmware => "firmware",
            Self::Analytics => "analytics",
            Self::Crash => "crash",
            Self::Ads => "ads",
            Self::LocationAssistance => "location_assistance",
            Self::Account => "account",
            Self::Config => "config",
            Self::Dns => "dns",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no [`Purpose`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownPurpose;

impl FromStr for Purpose {
    type Err = UnknownPurpose;

    fn from_str(text: &str) -> Result<Self, UnknownPurpose> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text).ok_or(UnknownPurpose)
    }
}

/// What tells a flow's purpose, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PurposeFrom {
    /// It speaks a protocol that serves nothing else.
    Protocol,
    /// The table of hosts lists the other end, and only this service runs there.
    Host,
    /// It asks for a path that belongs to such a service, whoever runs it.
    Path,
    /// What was found in it.
    Content,
}

impl fmt::Display for PurposeFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protocol => "protocol",
            Self::Host => "host",
            Self::Path => "path",
            Self::Content => "content",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_ones_of_the_json() {
        for purpose in Purpose::ALL {
            assert_eq!(purpose.as_str().parse(), Ok(purpose));
            assert_eq!(serde_json::to_string(&purpose).unwrap(), format!("\"{purpose}\""));
        }
        for from in [PurposeFrom::Protocol, PurposeFrom::Host, PurposeFrom::Path, PurposeFrom::Content] {
            assert_eq!(serde_json::to_string(&from).unwrap(), format!("\"{from}\""));
        }
        assert_eq!("time-sync".parse::<Purpose>(), Err(UnknownPurpose));
    }
}
