//! Requests with made-up identifiers, and texts that look like identifiers and are none (`vectors.json`).

use std::path::Path;

use anyhow::Result;
use inspect::identifier::{IdentifierKind, Match, Scanner};
use inspect::protocol::{Dissector, HttpMessage, Observation};
use inspect::stream::StreamEvent;
use packet::{Direction, Timestamp, Transport};
use serde_json::Value;

use super::score::{Board, Miss};
use super::truth::plain;

/// How the vectors name kinds, at the beginning of an expectation.
const KINDS: [(&str, IdentifierKind); 9] = [
    ("IMEI", IdentifierKind::Imei),
    ("MEID", IdentifierKind::Meid),
    ("IMSI", IdentifierKind::Imsi),
    ("ICCID", IdentifierKind::Iccid),
    ("MAC", IdentifierKind::Mac),
    ("CELLID", IdentifierKind::Cell),
    ("SERIAL", IdentifierKind::Serial),
    ("FINGERPRINT", IdentifierKind::Fingerprint),
    ("MSISDN", IdentifierKind::Msisdn),
];

/// Scores the vectors in the folder, or in the `data` folder beside it; without them, nothing.
///
/// # Errors
/// When they cannot be read.
pub fn score(board: &mut Board, folder: &Path) -> Result<()> {
    let places = [folder.join("vectors.json"), folder.join("../data/vectors.json")];
    let Some(text) = places.iter().find_map(|place| std::fs::read_to_string(place).ok()) else {
        return Ok(());
    };
    let file: Value = serde_json::from_str(&text)?;
    for vector in file["vectors"].as_array().into_iter().flatten() {
        let matches = scan(&request(vector)?);
        let name = plain(&vector["name"]);
        for expected in vector["expect"].as_array().into_iter().flatten().map(plain) {
            let Some((word, kind)) = KINDS.iter().find(|(word, _)| expected.starts_with(word)) else {
                continue;
            };
            let wanted = expected.split(" x").nth(1).and_then(|count| count.parse().ok()).unwrap_or(1);
            let found = matches.iter().filter(|found| found.kind == *kind).count();
            board.count("vectors", "vector", found.min(wanted), 0);
            for _ in found..wanted {
                board.miss("vectors", "vector", Miss::owed(format!("{name} {word}"), "not found"));
            }
        }
        let chain: Vec<String> = vector["decode_chain"].as_array().into_iter().flatten().map(plain).collect();
        board.count("vectors", "vector", usize::from(has_chain(&matches, &chain)), 0);
        if !has_chain(&matches, &chain) {
            board.miss("vectors", "vector", Miss::owed(format!("{name} {chain:?}"), "other decode chain"));
        }
    }
    for negative in file["negatives"].as_array().into_iter().flatten() {
        let text = plain(&negative["text"]);
        let matches = scan(&post("negative.example", "/", &[], text.as_bytes()));
        board.count("vectors", "silence", usize::from(matches.is_empty()), 0);
        for found in matches {
            board.extra("vectors", "silence", format!("{text} as {}", found.kind));
        }
    }
    Ok(())
}

/// A vector as the bytes of an HTTP request: it holds them, or the part that matters.
fn request(vector: &Value) -> Result<Vec<u8>> {
    use base64::Engine as _;
    if let Some(bytes) = vector["request_b64"].as_str() {
        return Ok(base64::engine::general_purpose::STANDARD.decode(bytes)?);
    }
    let endpoint = plain(&vector["endpoint"]);
    let endpoint = endpoint.split_once("://").map_or(endpoint.as_str(), |(_, rest)| rest);
    let (host, path) =
        endpoint.split(' ').next().unwrap_or_default().split_once('/').unwrap_or((endpoint, ""));
    if let Some(line) = vector["request_line"].as_str() {
        let line = line.trim().trim_end_matches("HTTP/1.1").trim();
        return Ok(format!("{line} HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes());
    }
    let headers: Vec<String> = vector["headers"].as_object().into_iter().flatten().map(header).collect();
    let body = vector["body"].as_str().unwrap_or_default();
    Ok(post(host, &format!("/{path}"), &headers, body.as_bytes()))
}

fn header((name, value): (&String, &Value)) -> String {
    format!("{name}: {}\r\n", plain(value))
}

fn post(host: &str, path: &str, headers: &[String], body: &[u8]) -> Vec<u8> {
    let headers = headers.concat();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// What is found in a request by itself: a scanner remembers what it saw before.
fn scan(request: &[u8]) -> Vec<Match> {
    let mut scanner = Scanner::default();
    let message = |message: &HttpMessage| scanner.scan_http(message.authority(), message).matches;
    messages(request).iter().flat_map(message).collect()
}

fn messages(request: &[u8]) -> Vec<HttpMessage> {
    let mut dissector = Dissector::new(Transport::Tcp, 80);
    let mut out = Vec::new();
    for event in [StreamEvent::Data { offset: 0, bytes: request }, StreamEvent::End] {
        dissector.handle_stream(Timestamp::default(), Direction::Outbound, event, &mut out);
    }
    dissector.flush(&mut out);
    let http = |observation| match observation {
        Observation::Http(message) => Some(*message),
        _ => None,
    };
    out.into_iter().filter_map(http).collect()
}

/// Whether one match was reached by these steps, in this order. `http` and `percent` are steps that every request
/// takes.
fn has_chain(matches: &[Match], chain: &[String]) -> bool {
    let word = |step: &String| step.split([' ', '(']).next().unwrap_or_default().to_owned();
    let wanted: Vec<String> =
        chain.iter().map(word).filter(|word| word != "http" && word != "percent").collect();
    matches.iter().any(|found| {
        let mut steps = found.decode.iter();
        wanted.iter().all(|word| steps.any(|step| step.contains(word.as_str())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_become_requests() {
        let text = |vector| String::from_utf8(request(&vector).unwrap()).unwrap();
        let line =
            serde_json::json!({"endpoint": "https://a.example/", "request_line": "GET /?x=1 HTTP/1.1"});
        assert_eq!(text(line), "GET /?x=1 HTTP/1.1\r\nHost: a.example\r\n\r\n");
        let headers = serde_json::json!({"endpoint": "http://a.example/b (port 80)", "headers": {"X-IMEI": "1"}, "body": "z"});
        assert_eq!(
            text(headers),
            "POST /b HTTP/1.1\r\nHost: a.example\r\nX-IMEI: 1\r\nContent-Length: 1\r\n\r\nz"
        );
    }

    #[test]
    fn chains_are_compared_in_order() {
        let found = |decode: &[&str]| Match {
            kind: IdentifierKind::Imei,
            value: String::new(),
            confidence: inspect::Confidence::Shape,
            decode: decode.iter().map(|step| (*step).to_owned()).collect(),
            range: 0..1,
        };
        let chain = ["http".to_owned(), "base64(mime, LF)".to_owned(), "json".to_owned()];
        assert!(has_chain(&[found(&["http body", "base64", "json IMEI1"])], &chain));
        assert!(!has_chain(&[found(&["http body", "json IMEI1"])], &chain));
    }
}
