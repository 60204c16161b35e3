//! URLs that may hold a password or a token: what may be shown of them, and how curl is told them.

/// What may be shown or kept: the URL without user, password, query and fragment.
pub fn public(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or(url);
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

/// The same, with a sign for what is left out.
pub fn shown(url: &str) -> String {
    let public = public(url);
    match public == url {
        true => public,
        false => format!("{public}?…"),
    }
}

/// A line of curl's configuration, for its stdin: arguments stand in the process list.
pub fn curl_line(url: &str) -> String {
    let quoted = url.replace('\\', "\\\\").replace('"', "\\\"");
    format!("url = \"{quoted}\"\n")
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
        ] {
            assert_eq!(public(url), expected);
        }
        assert_eq!(shown("https://h/a.qcow2"), "https://h/a.qcow2");
        assert_eq!(shown("https://me:pw@h/a.qcow2"), "https://h/a.qcow2?…");
        assert_eq!(shown("https://h/a.qcow2?sig=x"), "https://h/a.qcow2?…");
    }

    #[test]
    fn curl_reads_one_url_whatever_is_in_it() {
        assert_eq!(curl_line(r#"http://h/a"b\c"#), "url = \"http://h/a\\\"b\\\\c\"\n");
    }
}
