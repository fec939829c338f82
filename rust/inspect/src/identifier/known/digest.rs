//! What becomes of a value that is hashed before it is sent: the digests, and how they are written and cut off.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use flate2::Crc;
use sha2::Digest;

use super::Bound;

/// A way in which a digest is written.
pub struct Writing {
    /// The bytes to look for.
    pub bytes: Vec<u8>,
    /// Whether the case of letters does not matter.
    pub fold: bool,
    /// So many of its first bytes are enough.
    pub least: usize,
    /// What must not touch it.
    pub bound: Bound,
    /// Which steps it stands for.
    pub steps: Steps,
}

/// Steps of a decode chain: by whether all of a value is there, at least 128 bits of it, or less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    whole: &'static [&'static str],
    half: &'static [&'static str],
    part: &'static [&'static str],
    /// Bits in each byte of the writing.
    bits: usize,
}

impl Steps {
    /// Of something that is only looked for as a whole.
    pub const fn whole(steps: &'static [&'static str]) -> Self {
        Self { whole: steps, half: steps, part: steps, bits: 8 }
    }

    /// What is said of `agreed` of `length` bytes.
    pub const fn of(self, agreed: usize, length: usize) -> &'static [&'static str] {
        // The last sign of 128 bits in base64 says two of them, and so differs from that of a longer digest.
        match agreed * self.bits {
            _ if agreed == length => self.whole,
            126.. => self.half,
            _ => self.part,
        }
    }
}

/// A hash function, and what its steps are called.
struct Algorithm {
    digest: fn(&[u8]) -> Vec<u8>,
    hex: Steps,
    base64: Steps,
    raw: Steps,
}

macro_rules! steps {
    ($bits:literal, [$($before:literal)?], $name:literal) => {
        Steps {
            whole: &[$($before,)? $name],
            half: &[$($before,)? concat!($name, " (first 128 bits)")],
            part: &[$($before,)? concat!($name, " (first 64 bits)")],
            bits: $bits,
        }
    };
}

macro_rules! algorithm {
    ($name:literal, $hash:ty) => {
        Algorithm {
            digest: |bytes| <$hash>::digest(bytes).to_vec(),
            hex: steps!(4, [], $name),
            base64: steps!(6, ["base64"], $name),
            raw: steps!(8, [], $name),
        }
    };
}

const ALGORITHMS: [Algorithm; 6] = [
    algorithm!("md5", md5::Md5),
    algorithm!("sha1", sha1::Sha1),
    algorithm!("sha224", sha2::Sha224),
    algorithm!("sha256", sha2::Sha256),
    algorithm!("sha384", sha2::Sha384),
    algorithm!("sha512", sha2::Sha512),
];

/// Every digest of a text, in every writing. 64 bits are enough to know one, so they may be cut off behind them.
pub fn writings(text: &str) -> Vec<Writing> {
    let mut out = Vec::new();
    for algorithm in &ALGORITHMS {
        let digest = (algorithm.digest)(text.as_bytes());
        let mut add = |bytes: Vec<u8>, fold, least, steps| {
            out.push(Writing { bytes, fold, least, bound: Bound::Free, steps });
        };
        let standard = STANDARD_NO_PAD.encode(&digest);
        let url = URL_SAFE_NO_PAD.encode(&digest);
        if url != standard {
            add(url.into_bytes(), false, 10, algorithm.base64);
        }
        add(standard.into_bytes(), false, 10, algorithm.base64);
        add(hex(&digest), true, 16, algorithm.hex);
        add(digest, false, 8, algorithm.raw);
    }
    // What is called a 16-digit MD5 in China is its middle.
    if let Some(middle) = hex(&md5::Md5::digest(text)).get(8..24) {
        let steps = Steps::whole(&["md5 (middle 64 bits)"]);
        let bytes = middle.to_vec();
        out.push(Writing { least: bytes.len(), bytes, fold: true, bound: Bound::Word, steps });
    }
    out
}

/// The CRC-32 of a text, in hexadecimal and in decimal digits. 32 bits are few: what could be a date or a time is left out.
pub fn checksums(text: &str) -> Vec<Writing> {
    let mut crc = Crc::new();
    crc.update(text.as_bytes());
    let (hex, decimal) = (format!("{:08x}", crc.sum()), crc.sum().to_string());
    let mut out = Vec::new();
    let mut add = |bytes: String, bound| {
        let steps = Steps::whole(&["crc32"]);
        out.push(Writing { least: bytes.len(), bytes: bytes.into_bytes(), fold: true, bound, steps });
    };
    if hex.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        add(hex, Bound::Word);
    }
    if decimal.len() == 10 && !decimal.starts_with('1') {
        add(decimal, Bound::Word);
    }
    out
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_say_how_much_of_a_digest_is_there() {
        let sha256 = &ALGORITHMS[3];
        assert_eq!(sha256.hex.of(64, 64), ["sha256"]);
        assert_eq!(sha256.hex.of(32, 64), ["sha256 (first 128 bits)"]);
        assert_eq!(sha256.hex.of(17, 64), ["sha256 (first 64 bits)"]);
        assert_eq!(sha256.base64.of(21, 43), ["base64", "sha256 (first 128 bits)"]);
        assert_eq!(ALGORITHMS[0].raw.of(16, 16), ["md5"]);
    }

    #[test]
    fn checksums_are_those_of_zlib() {
        let texts = |text| -> Vec<String> {
            checksums(text).into_iter().map(|it| String::from_utf8(it.bytes).unwrap()).collect()
        };
        // The check value of CRC-32/ISO-HDLC.
        assert_eq!(texts("123456789"), ["cbf43926", "3421780262"]);
    }
}
