//! What stands in header values: cookies, and credentials that are base64.

use super::Piece;

/// The cookies of a `Cookie` header, or the first of a `Set-Cookie` (RFC 6265 section 4).
pub fn cookies(value: &[u8], limit: usize) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut start = 0;
    for pair in value.split(|&byte| byte == b';') {
        let end = start + pair.len();
        let skip = pair.len() - pair.trim_ascii_start().len();
        if let Some(equals) = pair.iter().position(|&byte| byte == b'=')
            && out.len() < limit
        {
            let name = String::from_utf8_lossy(pair[..equals].trim_ascii()).into_owned();
            let from = start + equals + 1;
            if from < end && skip <= equals {
                out.push(Piece::slice(name, from..end, 1));
            }
        }
        start = end + 1;
    }
    out
}

/// The parts of an `Authorization` header: the credentials behind the scheme, split at colons (`AidLogin id:token`).
/// The scheme is the first one's key.
pub fn credentials(value: &[u8]) -> Vec<Piece> {
    let Some(space) = value.iter().position(|&byte| byte == b' ') else {
        return Vec::new();
    };
    let scheme = String::from_utf8_lossy(&value[..space]).into_owned();
    let mut start = space + 1;
    let mut out = Vec::new();
    for part in value[start..].split(|&byte| byte == b':').take(4) {
        let path = if out.is_empty() { scheme.clone() } else { format!("{scheme}.token[{}]", out.len()) };
        out.push(Piece::slice(path, start..start + part.len(), 1));
        start += part.len() + 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &[u8], pieces: Vec<Piece>) -> Vec<String> {
        pieces.iter().map(|it| format!("{}={}", it.path, String::from_utf8_lossy(it.bytes(value)))).collect()
    }

    #[test]
    fn splits_cookies_and_credentials() {
        let value = b"a=1; uid = x=y;;flag; b=";
        assert_eq!(read(value, cookies(value, 9)), ["a=1", "uid= x=y"]);
        let value = b"AidLogin 878:260";
        assert_eq!(read(value, credentials(value)), ["AidLogin=878", "AidLogin.token[1]=260"]);
    }
}
