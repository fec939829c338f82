//! What a session is made of. A recording is a sequence of these, so a replay sees what the live session saw.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Direction, FlowKey};

/// One thing that happened, to be handed to the inspector together with its time.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// An IP packet.
    Packet {
        /// Which way it went; `None` when the capture does not tell. The flow table then takes the end that
        /// opened the flow for the phone's.
        direction: Option<Direction>,
        /// The packet from its IP header on, as far as it was captured.
        bytes: &'a [u8],
    },
    /// A frame that holds no IP packet, or cannot be taken apart to find one.
    Skipped {
        /// Why, as a stable `snake_case` word for `capture.unparsed`.
        reason: &'a str,
        /// Its length in bytes.
        len: usize,
    },
    /// The platform said which app opened a flow.
    Owner {
        /// The flow.
        flow: FlowKey,
        /// The app.
        app: &'a App,
    },
    /// The phone entered a phase.
    Phase(Phase),
    /// A capture brings secrets of connections along, in the NSS key log format. It stands before the packets that need
    /// it. A recording never holds it.
    Keys(&'a [u8]),
}

/// The app that opened a flow, as the platform names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct App {
    /// Package name (`com.example`), process name, or a description such as `UID 1000: system`.
    pub name: String,
    /// The Unix user id, when known.
    pub uid: Option<u32>,
}

/// A moment in the phone's activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The session began to watch.
    Started,
    /// Booted, user storage still locked (`LOCKED_BOOT_COMPLETED`).
    LockedBoot,
    /// Booted and unlocked once (`BOOT_COMPLETED`).
    BootCompleted,
    /// A network came up.
    NetworkUp,
    /// The last network went away.
    NetworkDown,
    /// The SIM's records were read.
    SimLoaded,
    /// The SIM was removed.
    SimRemoved,
    /// The set-up wizard was finished.
    SetupDone,
    /// The user unlocked the phone.
    Unlock,
    /// The screen went on.
    ScreenOn,
    /// The screen went off.
    ScreenOff,
    /// The session stopped watching. Timers due before it are counted, later ones are not.
    Stopped,
}

impl Phase {
    /// Every phase, in declaration order.
    pub const ALL: [Self; 12] = [
        Self::Started,
        Self::LockedBoot,
        Self::BootCompleted,
        Self::NetworkUp,
        Self::NetworkDown,
        Self::SimLoaded,
        Self::SimRemoved,
        Self::SetupDone,
        Self::Unlock,
        Self::ScreenOn,
        Self::ScreenOff,
        Self::Stopped,
    ];

    /// The stable name, as in reports and recordings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::LockedBoot => "locked_boot",
            Self::BootCompleted => "boot_completed",
            Self::NetworkUp => "network_up",
            Self::NetworkDown => "network_down",
            Self::SimLoaded => "sim_loaded",
            Self::SimRemoved => "sim_removed",
            Self::SetupDone => "setup_done",
            Self::Unlock => "unlock",
            Self::ScreenOn => "screen_on",
            Self::ScreenOff => "screen_off",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no [`Phase`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownPhase(pub String);

impl fmt::Display for UnknownPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown phase {:?}", self.0)
    }
}

impl std::error::Error for UnknownPhase {}

impl FromStr for Phase {
    type Err = UnknownPhase;

    fn from_str(text: &str) -> Result<Self, UnknownPhase> {
        Self::ALL
            .into_iter()
            .find(|phase| phase.as_str() == text)
            .ok_or_else(|| UnknownPhase(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phase_names_round_trip() {
        for phase in Phase::ALL {
            assert_eq!(phase.as_str().parse(), Ok(phase));
        }
        assert!("lunch".parse::<Phase>().is_err());
    }
}
