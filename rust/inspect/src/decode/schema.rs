//! Field names of protobuf messages that are known.

use smol_str::SmolStr;

use super::Piece;

/// Google's check-in request (field numbers as in microG's `checkin.proto`).
const CHECKIN: &[(&str, &str)] = &[
    ("1", "imei"),
    ("2", "androidId"),
    ("4.1.1", "fingerprint"),
    ("4.6", "cellOperator"),
    ("4.7", "simOperator"),
    ("7", "loggingId"),
    ("9", "macAddress"),
    ("10", "meid"),
    ("13", "securityToken"),
    ("16", "serial"),
    ("17", "esn"),
];

/// A message's field names by field path.
#[derive(Debug, Clone, Copy)]
pub struct Schema(&'static [(&'static str, &'static str)]);

impl Schema {
    /// The schema of what is sent to a path of a host.
    pub fn of(host: &str, path: &str) -> Option<Self> {
        let host = host.split(':').next().unwrap_or_default().trim_end_matches('.');
        let google =
            host.to_ascii_lowercase().ends_with(".google.com") || host.eq_ignore_ascii_case("google.com");
        (google && path.trim_end_matches('/').ends_with("/checkin")).then_some(Self(CHECKIN))
    }

    /// Names the fields it knows.
    pub fn name(self, pieces: &mut [Piece]) {
        for piece in pieces {
            let known = self.0.iter().find(|(path, _)| *path == piece.path);
            piece.key = known.map(|(_, name)| SmolStr::new_static(name));
        }
    }
}
