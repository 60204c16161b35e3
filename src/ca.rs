//! `--tls-ca`: the CA certificates that the nodes trust, from files and URLs that this machine reads.

use crate::topology::fetch;
use crate::url::public;
use crate::yaml::{Problems, shown};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// How much all of them may come to: a seed has room for it. The web's usual bundle has 220 KiB.
const MAX_BYTES: usize = 4 << 20;
/// How many there may be.
const MAX: usize = 999;
const FILE_MAX: u64 = 1 << 20;
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END CERTIFICATE-----";
const CERTIFICATE: &str = "CERTIFICATE-----";

/// One of the flag's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file of this machine, read already: its certificates.
    File(Vec<String>),
    /// Fetched when a node is to be made.
    Url(String),
}

/// Reads the files, and checks them; of URLs only that they are some.
pub fn read(said: &[String], problems: &mut Problems) -> Vec<Source> {
    let mut sources = Vec::new();
    for text in said.iter().map(|text| text.trim()) {
        if text.is_empty() {
            problems
                .push(None, "--tls-ca has an empty entry")
                .hint("e.g. --tls-ca /etc/pki/ca.pem,https://host.example/ca.crt");
        } else if fetch::is_url(text) {
            if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
                problems
                    .push(None, format!("--tls-ca '{}' is no URL", shown(&public(text))))
                    .hint("e.g. --tls-ca https://host.example/ca.crt");
            }
            sources.push(Source::Url(text.to_owned()));
        } else if text.contains("://") {
            problems
                .push(
                    None,
                    format!(
                        "--tls-ca '{}' has a scheme that is not known",
                        shown(&public(text))
                    ),
                )
                .hint("it takes http:// and https:// URLs, and files of this machine");
        } else {
            let path = PathBuf::from(text);
            if let Some(bytes) = file(&path, problems) {
                sources.push(Source::File(certificates(&bytes, text, problems)));
            }
        }
    }
    let files = sources.iter().map(|source| match source {
        Source::File(found) => found.as_slice(),
        Source::Url(_) => &[],
    });
    check_size(files.flatten(), problems);
    sources
}

/// All certificates, each once; what is on the web is fetched now, once in this process.
pub fn load(sources: &[Source], problems: &mut Problems) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for source in sources {
        let found = match source {
            Source::File(found) => found.clone(),
            Source::Url(url) => match fetch::bytes(url) {
                Ok(bytes) => certificates(&bytes, &public(url), problems),
                Err((why, hint)) => {
                    problems
                        .push(
                            None,
                            format!("--tls-ca: cannot fetch '{}': {why}", shown(&public(url))),
                        )
                        .hint(hint);
                    continue;
                }
            },
        };
        all.extend(found);
    }
    let mut seen = BTreeSet::new();
    all.retain(|pem| seen.insert(pem.clone()));
    check_size(all.iter(), problems);
    all
}

fn check_size<'a>(all: impl Iterator<Item = &'a String>, problems: &mut Problems) {
    let (count, bytes) = all.fold((0, 0), |(count, bytes), pem| (count + 1, bytes + pem.len()));
    if count > MAX || bytes > MAX_BYTES {
        problems
            .push(
                None,
                format!(
                    "--tls-ca comes to {count} certificates of {} KiB in all",
                    bytes >> 10
                ),
            )
            .hint(format!(
                "{MAX} of {} KiB are the most: name those of your own CAs only, images bring the web's",
                MAX_BYTES >> 10
            ));
    }
}

fn file(path: &Path, problems: &mut Problems) -> Option<Vec<u8>> {
    let said = shown(&path.display().to_string());
    let wrong = match std::fs::metadata(path) {
        Err(error) => Some(format!("cannot read '{said}' of --tls-ca: {error}")),
        Ok(found) if found.is_dir() => Some(format!("'{said}' of --tls-ca is a folder")),
        Ok(found) if !found.is_file() => Some(format!("'{said}' of --tls-ca is no file")),
        Ok(found) if found.len() > FILE_MAX => Some(format!("'{said}' of --tls-ca is larger than a MiB")),
        Ok(_) => None,
    };
    let wrong = match wrong {
        None => match std::fs::read(path) {
            Ok(bytes) => return Some(bytes),
            Err(error) => format!("cannot read '{said}' of --tls-ca: {error}"),
        },
        Some(wrong) => wrong,
    };
    problems
        .push(None, wrong)
        .hint("it takes files of this machine with certificates in PEM, and http(s) URLs of such files");
    None
}

/// The certificates of a file, one each; everything in it that is none is said.
fn certificates(bytes: &[u8], label: &str, problems: &mut Problems) -> Vec<String> {
    let label = shown(label);
    let mut wrong = |line: Option<usize>, what: &str, hint: &str| {
        let place = line.map_or_else(|| label.clone(), |line| format!("{label}:{}", line + 1));
        problems
            .push(None, format!("--tls-ca: {place}: {what}"))
            .hint(hint);
    };
    const PEM: &str =
        "a certificate in PEM is text from '-----BEGIN CERTIFICATE-----' to '-----END CERTIFICATE-----'";
    if bytes.starts_with(&[0x30, 0x82]) {
        let hint = "that is DER: openssl x509 -inform der -in FILE -out FILE.pem makes PEM of it";
        wrong(None, "this is binary, and no PEM", hint);
        return Vec::new();
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        wrong(None, "this is no text, and so no certificate in PEM", PEM);
        return Vec::new();
    };
    if text.trim_start().starts_with('<') {
        wrong(
            None,
            "this is a web page, and no certificate",
            "take the address of the file itself",
        );
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut faults = 0;
    let mut lines = text.lines().map(str::trim).enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(kind) = line.strip_prefix(BEGIN) else {
            continue;
        };
        if kind != CERTIFICATE {
            faults += 1;
            let kind = shown(kind.trim_end_matches('-'));
            match kind.ends_with("PRIVATE KEY") {
                true => wrong(
                    Some(at),
                    &format!("this is a secret, '{kind}': it would be on every node"),
                    "name a file that has the CA's certificate only",
                ),
                false => wrong(
                    Some(at),
                    &format!("this is '{kind}', and no certificate"),
                    "only '-----BEGIN CERTIFICATE-----' is taken: openssl x509 -in FILE makes it of a trusted one",
                ),
            }
            continue;
        }
        let body: Vec<&str> = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| *line != END)
            .collect();
        // What ends without an end takes everything that follows.
        let inner = body.iter().any(|line| line.starts_with("-----"));
        match decode(&body.concat()).filter(|der| !inner && is_certificate(der)) {
            Some(_) => found.push(format!(
                "{BEGIN}{CERTIFICATE}\n{}\n{END}\n",
                wrapped(&body.concat())
            )),
            None => {
                faults += 1;
                wrong(Some(at), "this certificate is cut short or damaged", PEM);
            }
        }
    }
    if found.is_empty() && faults == 0 {
        wrong(None, "there is no certificate in it", PEM);
    }
    found
}

fn wrapped(base64: &str) -> String {
    let lines = base64.as_bytes().chunks(64).map(String::from_utf8_lossy);
    lines.collect::<Vec<_>>().join("\n")
}

/// Base64 (RFC 4648) without blanks; none when it is none.
fn decode(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(u32::from(byte - b'A')),
        b'a'..=b'z' => Some(u32::from(byte - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(byte - b'0') + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits = text.trim_end_matches('=');
    if text.len() - digits.len() > 2 || !text.len().is_multiple_of(4) || digits.is_empty() {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for four in digits.as_bytes().chunks(4) {
        let mut value = 0;
        for byte in four {
            value = value << 6 | digit(*byte)?;
        }
        value <<= 6 * (4 - four.len());
        bytes.extend(&value.to_be_bytes()[1..four.len()]);
    }
    Some(bytes)
}

/// Whether the outer form is an X.509 certificate's: a sequence of what is signed, how, and the signature.
fn is_certificate(der: &[u8]) -> bool {
    let Some((0x30, inner, [])) = element(der) else {
        return false;
    };
    let parts = element(inner).and_then(|(signed, body, rest)| {
        let (how, _, rest) = element(rest)?;
        let (signature, _, rest) = element(rest)?;
        Some((signed, how, signature, rest.is_empty() && !body.is_empty()))
    });
    parts == Some((0x30, 0x30, 0x03, true))
}

/// The first element in DER: its tag, what is in it, and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = digits
                .iter()
                .fold(0, |length, byte| length << 8 | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    let (body, rest) = rest.split_at_checked(length)?;
    Some((tag, body, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest thing of a certificate's form.
    const SMALL: &str = "-----BEGIN CERTIFICATE-----\nMAkwAgUAMAADAQA=\n-----END CERTIFICATE-----\n";

    fn of(text: &str) -> (Vec<String>, String) {
        let mut problems = Problems::default();
        let found = certificates(text.as_bytes(), "ca.pem", &mut problems);
        (found, problems.to_string())
    }

    #[test]
    fn what_surrounds_certificates_is_left_out() {
        let text = format!(
            "subject=CN = x\r\n{}\n# another\n{SMALL}",
            SMALL.replace('\n', "\r\n")
        );
        let (found, problems) = of(&text);
        assert_eq!(found, vec![SMALL.to_owned(); 2], "{problems}");
        assert!(problems.starts_with("0 problems"), "{problems}");
    }

    #[test]
    fn what_is_none_is_told_with_its_line() {
        let key = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        for (text, expected) in [
            (
                format!("{SMALL}{key}"),
                "ca.pem:4: this is a secret, 'RSA PRIVATE KEY'",
            ),
            (
                SMALL.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
                "ca.pem:1: this is 'TRUSTED CERTIFICATE'",
            ),
            (
                SMALL.replace("MAkw", "MAgw"),
                "ca.pem:1: this certificate is cut short or damaged",
            ),
            (
                SMALL.replace("MAkw", "M kw"),
                "ca.pem:1: this certificate is cut short or damaged",
            ),
            (
                format!("\n{}", SMALL.replace("-----END CERTIFICATE-----\n", "")) + SMALL,
                "ca.pem:2: this certificate is cut",
            ),
            (String::new(), "ca.pem: there is no certificate in it"),
            ("<html>".to_owned(), "ca.pem: this is a web page"),
            ("0\u{82}".to_owned(), "ca.pem: there is no certificate"),
        ] {
            let (_, problems) = of(&text);
            assert!(problems.contains(expected), "{text}: {problems}");
            assert!(
                problems.contains("hint: ") && !problems.contains("AAAA"),
                "{problems}"
            );
        }
        let mut problems = Problems::default();
        certificates(b"\x30\x82\x01\x00", "ca.der", &mut problems);
        assert!(problems.to_string().contains("-inform der"), "{problems}");
    }

    #[test]
    fn a_real_certificate_is_one_and_half_of_it_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let (key, path) = (folder.path().join("key"), folder.path().join("ca.pem"));
        let made = std::process::Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=a", "-days", "1",
            ])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&path)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut problems = Problems::default();
        let said = [path.display().to_string()];
        let sources = read(&said, &mut problems);
        assert_eq!(load(&sources, &mut problems).len(), 1);
        assert!(problems.is_empty(), "{problems}");
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let cut = [&lines[..5], &lines[lines.len() - 1..]].concat().join("\n");
        assert!(of(&cut).1.contains("cut short"), "{cut}");
        // The key that lies beside it is a likely mistake.
        read(&[key.display().to_string()], &mut problems);
        assert!(problems.to_string().contains("PRIVATE KEY"), "{problems}");
    }

    #[test]
    fn what_cannot_be_read_is_told_all_at_once() {
        let mut problems = Problems::default();
        let said = ["/does/not/exist", "", "/tmp", "ftp://h/ca", "https://h/a b"].map(str::to_owned);
        read(&said, &mut problems);
        assert_eq!(problems.len(), 5, "{problems}");
        // A password of a URL is in no message.
        let mut problems = Problems::default();
        let sources = read(&["http://me:geheim@127.0.0.1:1/ca.pem".to_owned()], &mut problems);
        assert!(load(&sources, &mut problems).is_empty());
        let text = problems.to_string();
        assert!(
            text.contains("cannot fetch 'http://127.0.0.1:1/ca.pem'") && !text.contains("geheim"),
            "{text}"
        );
    }
}
