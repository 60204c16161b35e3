//! What an image's content must be, as `--image-checksum` says it.

pub mod sums;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A hash that is still good enough to tell an image from a forged one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// 64 digits.
    Sha256,
    /// 128 digits.
    Sha512,
}

impl Algorithm {
    /// Its name, with `sum` behind it the program's.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }

    fn digits(self) -> usize {
        match self {
            Algorithm::Sha256 => 64,
            Algorithm::Sha512 => 128,
        }
    }
}

/// A checksum: `sha256:HEX`, `sha512:HEX`, or the digits alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// How it is made.
    pub algorithm: Algorithm,
    /// Its digits, in lower case.
    pub hex: String,
}

impl FromStr for Checksum {
    type Err = String;

    fn from_str(text: &str) -> Result<Checksum, String> {
        const TAKES: &str = "it takes sha256: and 64 hexadecimal digits, sha512: and 128, or a file of sums";
        let (name, hex) = match text.trim().split_once(':') {
            Some((name, hex)) => (Some(name.to_ascii_lowercase()), hex),
            None => (None, text.trim()),
        };
        let hex = hex.to_ascii_lowercase();
        let known = [Algorithm::Sha256, Algorithm::Sha512];
        let algorithm = match &name {
            Some(name) => known.into_iter().find(|known| known.name() == *name),
            None => known.into_iter().find(|known| known.digits() == hex.len()),
        };
        let algorithm = algorithm.ok_or(TAKES)?;
        let is_hex = hex.len() == algorithm.digits() && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        match is_hex {
            true => Ok(Checksum { algorithm, hex }),
            false => Err(TAKES.to_owned()),
        }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex)
    }
}

/// Where a checksum comes from, as `--image-checksum` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The checksum itself.
    Here(Checksum),
    /// A file of sums that the hypervisor fetches, http or https.
    Url(String),
    /// A file of sums on this machine.
    File(PathBuf),
}

impl fmt::Display for Said {
    /// As it may be shown: a URL without what is secret in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Said::Here(checksum) => checksum.fmt(f),
            Said::Url(url) => f.write_str(&crate::url::shown(url)),
            Said::File(file) => file.display().fmt(f),
        }
    }
}

impl FromStr for Said {
    type Err = String;

    fn from_str(text: &str) -> Result<Said, String> {
        let text = text.trim();
        if let Some((scheme, _)) = text.split_once("://") {
            let known = ["http", "https"]
                .iter()
                .any(|known| scheme.eq_ignore_ascii_case(known));
            return match known {
                true => Ok(Said::Url(text.to_owned())),
                false => Err(format!(
                    "a file of sums is fetched by http or https, not by '{scheme}'"
                )),
            };
        }
        let like_a_sum = text.is_empty()
            || text.contains(':') && !text.contains('/')
            || text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match text.parse() {
            Ok(checksum) => Ok(Said::Here(checksum)),
            Err(why) if like_a_sum => Err(why),
            Err(_) => Ok(Said::File(text.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_sums_is_told_from_a_wrong_checksum() {
        let said = |text: &str| text.parse::<Said>();
        let digits = "ab".repeat(32);
        assert_eq!(said(&digits), Ok(Said::Here(digits.parse().unwrap())));
        assert_eq!(
            said("https://h/SHA256SUMS"),
            Ok(Said::Url("https://h/SHA256SUMS".into()))
        );
        assert_eq!(said("SHA256SUMS"), Ok(Said::File("SHA256SUMS".into())));
        assert_eq!(said("./a:b"), Ok(Said::File("./a:b".into())));
        for wrong in ["", "md5:0123", "sha256:zz", &digits[1..], "ftp://h/SHA256SUMS"] {
            assert!(said(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_checksum_is_read_as_people_have_it() {
        let digits = "Ab".repeat(32);
        let expected = format!("sha256:{}", "ab".repeat(32));
        for text in [digits.clone(), format!("SHA256:{digits}"), format!(" {digits} ")] {
            assert_eq!(text.parse::<Checksum>().unwrap().to_string(), expected);
        }
        let long = "0".repeat(128);
        assert_eq!(long.parse::<Checksum>().unwrap().algorithm, Algorithm::Sha512);
        for wrong in [
            "",
            "sha256:",
            "md5:0123",
            "sha256:zz",
            "12ab",
            &format!("sha512:{digits}"),
        ] {
            assert!(
                wrong
                    .parse::<Checksum>()
                    .unwrap_err()
                    .contains("64 hexadecimal digits"),
                "{wrong}"
            );
        }
    }
}
