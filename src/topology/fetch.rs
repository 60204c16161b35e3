//! Network files from a web server, fetched by curl on this machine: `--topology-net-url`.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::url::{curl_line, public};
use crate::yaml::{MAX_BYTES, Place, Problems, Source, shown};

/// For the whole of it, in seconds.
const MAX_TIME: &str = "60";
/// Until a server answers, in seconds.
const CONNECT_TIME: &str = "15";

/// Stands for what is not kept of a URL, as [`crate::url::shown`] has it.
const NOT_KEPT: &str = "?…";

/// What went wrong, and what to do about it.
type Refused = (String, String);

/// What this process has fetched: a topology is loaded more than once in a run.
static FETCHED: Mutex<BTreeMap<String, Result<Vec<u8>, Refused>>> = Mutex::new(BTreeMap::new());

/// Whether a network file is named by a URL.
pub fn is_url(wanted: &str) -> bool {
    let lower = wanted.to_ascii_lowercase();
    lower.starts_with("http://") || lower.starts_with("https://")
}

/// What may be kept of a network file's name: all of it, but of a URL neither password nor query, which may be a secret.
pub fn kept(network: &str) -> String {
    match is_url(network) {
        true => crate::url::shown(network),
        false => network.to_owned(),
    }
}

/// Fetches the file, once in this process; messages call it by its URL without the password in it.
pub(super) fn read(url: &str, problems: &mut Problems) -> Option<Source> {
    let label = public(url);
    if url.ends_with(NOT_KEPT) {
        let message = format!(
            "the environment's network file came from '{label}' with a password or query, which is not kept"
        );
        problems
            .push(None, message)
            .hint("say the whole URL again: --topology-net-url URL");
        return None;
    }
    let bytes = match bytes(url) {
        Ok(bytes) => bytes,
        Err((why, hint)) => {
            problems
                .push(
                    Place::start_of("--topology-net-url"),
                    format!("cannot fetch '{}': {why}", shown(&label)),
                )
                .hint(hint);
            return None;
        }
    };
    if bytes.trim_ascii_start().starts_with(b"<") {
        problems
            .push(Place::start_of(label), "this is a web page, not a network file")
            .hint("take the address of the file itself, which is often called 'raw'");
        return None;
    }
    Source::from_bytes(label, bytes, problems)
}

/// What a URL gives, fetched once in this process; a larger file than a topology's comes with a byte more than is allowed.
///
/// # Errors
/// Why it cannot be fetched, and what to do about it.
pub fn bytes(url: &str) -> Result<Vec<u8>, (String, String)> {
    let mut fetched = FETCHED.lock().unwrap_or_else(PoisonError::into_inner);
    let result = fetched.entry(url.to_owned()).or_insert_with(|| fetch(url));
    result.clone()
}

fn fetch(url: &str) -> Result<Vec<u8>, Refused> {
    let failed = |error: std::io::Error| {
        let hint = "fetch the file yourself, and name it in the place of its URL";
        let why = match error.kind() {
            ErrorKind::NotFound => "the program 'curl' is not on this machine".to_owned(),
            _ => format!("running 'curl': {error}"),
        };
        (why, hint.to_owned())
    };
    let mut curl = Command::new("curl")
        .args([
            "--disable",
            "--silent",
            "--show-error",
            "--fail",
            "--location",
            "--globoff",
        ])
        .args([
            "--max-redirs",
            "5",
            "--proto",
            "=http,https",
            "--proto-redir",
            "=http,https",
        ])
        .args(["--connect-timeout", CONNECT_TIME, "--max-time", MAX_TIME])
        // The URL may hold a password, which the process list must not show.
        .args(["--config", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = curl.stdin.take() {
        stdin.write_all(curl_line(url).as_bytes()).map_err(failed)?;
    }
    let mut bytes = Vec::new();
    if let Some(stdout) = curl.stdout.take() {
        // One more than is allowed tells that it is too large.
        stdout
            .take(MAX_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
    }
    if bytes.len() > MAX_BYTES {
        let _ = curl.kill();
        let _ = curl.wait();
        return Ok(bytes);
    }
    let output = curl.wait_with_output().map_err(failed)?;
    if output.status.success() {
        return Ok(bytes);
    }
    Err(explained(
        output.status.code(),
        &String::from_utf8_lossy(&output.stderr),
    ))
}

/// curl's own words without its name and number, and what can be done.
fn explained(code: Option<i32>, stderr: &str) -> Refused {
    let line = stderr.lines().next().unwrap_or_default();
    let words = line.split_once(") ").map_or(line, |(_, words)| words).trim();
    let why = match words.strip_prefix("The requested URL returned error: ") {
        Some(status) => format!("the server answers {status}"),
        None if words.is_empty() => "curl fails and does not say why".to_owned(),
        None => format!("{}{}", words[..1].to_lowercase(), &words[1..]),
    };
    let hint = match code {
        Some(22) => "is the address right? It must give the file without a login page",
        Some(28) => {
            "it must come within a minute; fetch it yourself, and name the file in the place of its URL"
        }
        Some(35 | 51 | 53 | 58 | 60 | 77 | 83 | 91) => {
            "the certificate must be one that curl trusts on this machine: CURL_CA_BUNDLE names others"
        }
        Some(47) => "it leads from one address to the next: take the last one",
        _ => "is the address right, and is a proxy needed (https_proxy)?",
    };
    (why, hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_kept() {
        for plain in ["3_nets", "/a/b?c.yml", "https://h/a.yml"] {
            assert_eq!(kept(plain), plain);
        }
        for secret in ["https://me:pw@h/a.yml", "https://h/a.yml?ref=x"] {
            assert_eq!(kept(secret), "https://h/a.yml?…");
            let mut problems = Problems::default();
            assert!(read(&kept(secret), &mut problems).is_none());
            assert!(problems.to_string().contains("is not kept"), "{problems}");
        }
    }

    #[test]
    fn curl_is_understood() {
        assert_eq!(
            explained(Some(22), "curl: (22) The requested URL returned error: 404\n").0,
            "the server answers 404"
        );
        assert_eq!(
            explained(Some(6), "curl: (6) Could not resolve host: x\n").0,
            "could not resolve host: x"
        );
        assert!(
            explained(Some(60), "curl: (60) SSL certificate problem: x\nMore")
                .1
                .contains("CURL_CA_BUNDLE")
        );
        assert_eq!(explained(None, "").0, "curl fails and does not say why");
    }
}
