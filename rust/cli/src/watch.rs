//! The values to look for, from `--watch` and `--watch-file`.

use std::path::Path;

use inspect::KnownIdentifier;
use inspect::identifier::{IdentifierKind, Scanner};

use crate::args::SubjectArgs;
use crate::{Failure, file};

/// The largest list that is read, in bytes: a list of identifiers is short, a capture given by mistake is not.
const LARGEST_FILE: u64 = 1 << 20;

/// One `KIND=VALUE`.
///
/// # Errors
/// An unknown kind, or a value that the kind does not allow, in one plain sentence.
pub fn parse(text: &str) -> Result<KnownIdentifier, String> {
    let (kind, value) =
        text.split_once('=').ok_or_else(|| "give KIND=VALUE, e.g. imei=490154203237518".to_owned())?;
    let kind: IdentifierKind = kind.trim().parse().map_err(|error| format!("{error}"))?;
    let value = value.trim();
    if value.is_empty() {
        return Err(format!("{kind} has no value"));
    }
    let known = KnownIdentifier { kind, value: value.to_owned() };
    Scanner::default().watch(&known)?;
    Ok(known)
}

/// All values given, those of the command line first.
pub fn all(args: &SubjectArgs) -> Result<Vec<KnownIdentifier>, Failure> {
    let mut watch = args.watch.clone();
    if let Some(path) = &args.watch_file {
        watch.extend(read(path)?);
    }
    Ok(watch)
}

fn read(path: &Path) -> Result<Vec<KnownIdentifier>, Failure> {
    let text = String::from_utf8(file::read(path, LARGEST_FILE, "a list of KIND=VALUE lines")?)
        .map_err(|_| Failure(format!("{}: is no text; give a list of KIND=VALUE lines", path.display())))?;
    // Some editors begin a file with a byte order mark.
    parse_list(text.strip_prefix('\u{feff}').unwrap_or(&text))
        .map_err(|(line, message)| Failure(format!("{}:{line}: {message}", path.display())))
}

/// The values of a list, or the number of the first wrong line and what is wrong with it.
fn parse_list(text: &str) -> Result<Vec<KnownIdentifier>, (usize, String)> {
    let mut list = Vec::new();
    for (index, line) in text.lines().enumerate() {
        // Only at the beginning or after a blank: a network's name may hold a `#`.
        let line = match line.find(" #").into_iter().chain(line.find("\t#")).min() {
            Some(comment) => &line[..comment],
            None => line,
        };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        list.push(parse(line).map_err(|message| (index + 1, message))?);
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_comments_and_blank_lines() {
        let list =
            parse_list("# mine\n\nssid=Net#5 \t# at home\n serial = TESTSN0012345\r\n").expect("a good list");
        let values: Vec<_> = list.iter().map(|known| (known.kind.as_str(), known.value.as_str())).collect();
        assert_eq!(values, [("ssid", "Net#5"), ("serial", "TESTSN0012345")]);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let (line, message) = parse_list("ssid=a-network\n#\nshoe_size=44").expect_err("no such kind");
        assert_eq!(line, 3);
        assert!(message.contains("shoe_size"), "{message}");
        assert_eq!(parse_list("ssid=").expect_err("no value").0, 1);
        assert_eq!(parse_list("ssid").expect_err("no =").0, 1);
    }
}
