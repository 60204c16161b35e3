//! URLs that may hold a password or a token: what may be shown of them, and how curl is told them.

/// What may be shown or kept: the URL without user, password, query and fragment.
pub fn public(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or(url);
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    match host.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{host}{path}"),
        // What should be a port is none: it may begin a password with a '/', '?' or '#' in it.
        None if !has_plain_port(host) => format!("{scheme}://"),
        None => url.to_owned(),
    }
}

/// Whether a host has no port, or one of digits.
fn has_plain_port(host: &str) -> bool {
    // An address of IPv6 is between brackets.
    let rest = host.rsplit_once(']').map_or(host, |(_, rest)| rest);
    rest.split_once(':')
        .is_none_or(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The same, with a sign for what is left out.
pub fn shown(url: &str) -> String {
    let public = public(url);
    match public == url {
        true => public,
        false => format!("{public}?…"),
    }
}

/// Words of which one is in the name of a parameter that lets its reader in.
const TELLS: [&str; 7] = [
    "passw",
    "secret",
    "token",
    "signature",
    "credential",
    "apikey",
    "api_key",
];

/// Whether a text is a URL with a user in it, who may have a password, or with a parameter that lets its reader in.
pub fn has_secret(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let tells = |name: &str| {
        let name = name.to_ascii_lowercase();
        ["sig", "key"].contains(&&*name) || TELLS.iter().any(|tell| name.contains(tell))
    };
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    let mut parameters = query.split(['&', ';']).filter_map(|pair| pair.split_once('='));
    let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let user = host.rsplit_once('@').map(|(user, _)| user);
    // A server of files may take a token in place of a user; ssh asks for a key.
    user.is_some_and(|user| scheme != "ssh" || user.contains(':'))
        || public(text) == format!("{}://", text.split("://").next().unwrap_or_default())
        || parameters.any(|(name, _)| tells(name))
}

/// Whether it is an http(s) URL with a host, without blanks and signs that no URL has.
pub fn is_plain(url: &str) -> bool {
    let lower = url.to_ascii_lowercase();
    let rest = ["http://", "https://"]
        .iter()
        .find_map(|scheme| lower.strip_prefix(scheme));
    let named = rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '['));
    named && !url.contains(|c: char| c.is_whitespace() || c.is_control() || "\"'\\<>`{}".contains(c))
}

/// The URL that a page at `url` means by `reference`: a URL, an absolute path, or one from the folder of `url`.
pub fn beside(url: &str, reference: &str) -> String {
    if reference.contains("://") {
        return reference.to_owned();
    }
    let whole = url.split(['?', '#']).next().unwrap_or(url);
    let host = whole.find("://").map_or(0, |at| at + 3);
    let path = whole[host..].find('/').map_or(whole.len(), |at| host + at);
    if reference.starts_with('/') {
        return format!("{}{reference}", &whole[..path]);
    }
    let mut folder = &whole[path..whole.rfind('/').filter(|at| *at >= path).unwrap_or(path)];
    let mut rest = reference;
    loop {
        if let Some(up) = rest.strip_prefix("../") {
            folder = &folder[..folder.rfind('/').unwrap_or(0)];
            rest = up;
        } else if let Some(here) = rest.strip_prefix("./") {
            rest = here;
        } else {
            return format!("{}{folder}/{rest}", &whole[..path]);
        }
    }
}

/// A line of curl's configuration, for its stdin: arguments stand in the process list.
pub fn curl_line(url: &str) -> String {
    curl_option("url", url)
}

/// The same for any of its options: a value stays within its line and its quotes.
pub fn curl_option(name: &str, value: &str) -> String {
    let mut quoted = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            // curl's lines end at a NUL, and no value of ours has one.
            '\0' => {}
            _ => quoted.push(c),
        }
    }
    format!("{name} = \"{quoted}\"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        for (url, expected) in [
            ("https://h/a.yml", "https://h/a.yml"),
            ("https://me:pw@h/a.yml?token=x", "https://h/a.yml"),
            ("https://me:p@w@h/a.yml", "https://h/a.yml"),
            ("http://me@h", "http://h"),
            ("http://h/a@b", "http://h/a@b"),
            ("http://[::1]:80/a", "http://[::1]:80/a"),
            ("http://h:8080/a", "http://h:8080/a"),
            // No URLs, and yet somebody's passwords.
            ("https://me:p/w@h/a.yml", "https://"),
            ("https://me:p?w@h/a.yml", "https://"),
            ("https://me:p#w@h/a.yml", "https://"),
        ] {
            assert_eq!(public(url), expected);
        }
        assert_eq!(shown("https://h/a.qcow2"), "https://h/a.qcow2");
        assert_eq!(shown("https://me:pw@h/a.qcow2"), "https://h/a.qcow2?…");
        assert_eq!(shown("https://h/a.qcow2?sig=x"), "https://h/a.qcow2?…");
    }

    #[test]
    fn what_lets_its_reader_in_is_a_secret() {
        for secret in [
            "https://me:pw@h/a",
            "ssh://me:pw@h",
            "https://token@h/a",
            "https://me:p/w@h/a",
            "https://h/a?x=1&X-Amz-Signature=5f",
            "https://h/a?sv=2&sig=5f",
            "https://h/a?private_token=5f",
        ] {
            assert!(has_secret(secret), "{secret}");
        }
        for plain in [
            "ssh://root@h",
            "https://h:8/a?ref=main",
            "https://h/a@b",
            "me@h",
            "/a/b?sig=1",
            "http://[::1]/",
        ] {
            assert!(!has_secret(plain), "{plain}");
        }
    }

    #[test]
    fn references_are_taken_from_the_folder() {
        for (reference, expected) in [
            ("SUMS", "https://me:p@h/a/SUMS"),
            ("./x/SUMS", "https://me:p@h/a/x/SUMS"),
            ("../SUMS", "https://me:p@h/SUMS"),
            ("../../../SUMS", "https://me:p@h/SUMS"),
            ("/SUMS", "https://me:p@h/SUMS"),
            ("http://o/SUMS", "http://o/SUMS"),
        ] {
            assert_eq!(beside("https://me:p@h/a/b.img?x=/", reference), expected);
        }
        assert_eq!(beside("http://h", "SUMS"), "http://h/SUMS");
    }

    #[test]
    fn curl_reads_one_url_whatever_is_in_it() {
        assert_eq!(curl_line(r#"http://h/a"b\c"#), "url = \"http://h/a\\\"b\\\\c\"\n");
        assert_eq!(curl_line("a\r\nb\0"), "url = \"a\\r\\nb\"\n");
        // curl's own reader, of what would be a second URL and a file to write to.
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        let source = folder.path().join("source");
        std::fs::write(&source, "content").unwrap();
        let (taken, source) = (taken.display().to_string(), source.display().to_string());
        for end in ["\n", "\r\n", "\"\n", "\\\"\n", "\0\n", "\n#\n"] {
            let other = format!("output = {taken}{end}url = file://{source}{end}output = {taken}");
            let hostile = format!("file:///nowhere{end}{other}{end}");
            let mut curl = std::process::Command::new("curl")
                .args(["--disable", "--silent", "--config", "-"])
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap();
            use std::io::Write as _;
            curl.stdin
                .take()
                .unwrap()
                .write_all(curl_line(&hostile).as_bytes())
                .unwrap();
            assert!(!curl.wait().unwrap().success(), "{end:?}");
            assert!(!std::path::Path::new(&taken).exists(), "{end:?}");
        }
    }
}
