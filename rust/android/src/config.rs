//! What a session is told before it begins, as JSON from Java.

use std::net::IpAddr;
use std::path::PathBuf;

use inspect::KnownIdentifier;
use inspect::identifier::IdentifierKind;
use serde::Deserialize;

use crate::failure::Failure;

/// A session's configuration. Fields that are not known are refused: a misspelt one must not go unnoticed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// What the report calls the session.
    pub(crate) source: String,
    /// Where the phone is meant to be used (ISO 3166-1 alpha-2).
    #[serde(default)]
    pub(crate) home: Option<String>,
    /// Values of this phone to look for.
    #[serde(default)]
    watch: Vec<Watch>,
    /// The TUN's MTU in bytes.
    #[serde(default = "mtu")]
    pub(crate) mtu: u16,
    /// Where DNS is sent instead of where the phone sends it.
    #[serde(default)]
    pub(crate) dns: Option<IpAddr>,
    /// Where the recording goes.
    #[serde(default)]
    pub(crate) recording: Option<PathBuf>,
    /// Rehearse a failure: panic at the first packet.
    #[serde(default)]
    pub(crate) drill: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Watch {
    kind: String,
    value: String,
}

const fn mtu() -> u16 {
    9000
}

impl Config {
    /// What to look for. A capture that is fed may have a name of its own.
    pub(crate) fn inspect(&self, source: Option<&str>) -> Result<inspect::Config, Failure> {
        let watch = self.watch.iter().map(Watch::known).collect::<Result<_, _>>()?;
        Ok(inspect::Config {
            source: source.unwrap_or(&self.source).to_owned(),
            home: self.home.clone(),
            watch,
            // A phone has no keys of its apps' connections.
            keys: inspect::KeyLog::default(),
        })
    }
}

impl Watch {
    fn known(&self) -> Result<KnownIdentifier, Failure> {
        let kind: IdentifierKind = self.kind.parse().map_err(|error| refused(&error))?;
        Ok(KnownIdentifier { kind, value: self.value.clone() })
    }
}

/// Reads and checks a configuration.
pub(crate) fn parse(json: &[u8]) -> Result<Config, Failure> {
    let config: Config = serde_json::from_slice(json).map_err(|error| refused(&error))?;
    if config.mtu < 1280 {
        return Err(refused(&"mtu: IPv6 needs at least 1280"));
    }
    // Whether the watched values are ones is only known once they are looked for.
    inspect::Inspector::new(config.inspect(None)?).map_err(|error| refused(&error))?;
    Ok(config)
}

fn refused(why: &dyn std::fmt::Display) -> Failure {
    Failure::argument(format!("config: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_source_is_needed() {
        let config = parse(br#"{"source":"a"}"#).expect("a configuration");
        assert_eq!((config.mtu, config.drill, config.recording), (9000, false, None));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (json, named) in [
            ("", "EOF"),
            ("{}", "source"),
            (r#"{"source":"a","shoe":44}"#, "shoe"),
            (r#"{"source":"a","mtu":100}"#, "mtu"),
            (r#"{"source":"a","watch":[{"kind":"shoe","value":"44"}]}"#, "shoe"),
            (r#"{"source":"a","watch":[{"kind":"imei","value":"44"}]}"#, "imei"),
        ] {
            let failure = parse(json.as_bytes()).expect_err(json).to_string();
            assert!(failure.starts_with("config: ") && failure.contains(named), "{json}: {failure}");
        }
    }
}
