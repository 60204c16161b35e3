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

/// The same for any of its options.
pub fn curl_option(name: &str, value: &str) -> String {
    let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
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
        ] {
            assert_eq!(public(url), expected);
        }
        assert_eq!(shown("https://h/a.qcow2"), "https://h/a.qcow2");
        assert_eq!(shown("https://me:pw@h/a.qcow2"), "https://h/a.qcow2?…");
        assert_eq!(shown("https://h/a.qcow2?sig=x"), "https://h/a.qcow2?…");
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
    }
}
