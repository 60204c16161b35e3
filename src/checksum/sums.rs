//! Files of checksums, `SHA256SUMS` and the like: as coreutils writes them, as BSD does, signed or not.

use super::{Algorithm, Checksum};

/// As [`find`], of the file `name` or of what is in it where it is packed. A file of sums that is called as `name` is, with an
/// ending, is of that one alone: it may have the name in it that the image has by its date.
///
/// # Errors
/// As those of [`find`].
pub fn find_in(text: &str, name: &str, own: &str) -> Result<Checksum, String> {
    let found = find(text, name);
    let inside = || find(text, crate::packed::unpacked_name(name)?).ok();
    let alone = || {
        let mut sums = text.lines().filter_map(line).map(|(_, sum)| sum);
        let sum = sums.next().filter(|_| sums.next().is_none())?;
        own.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('.'))
            .then_some(sum)
    };
    match found {
        Ok(sum) => Ok(sum),
        Err(why) if why.contains("two different") => Err(why),
        Err(why) => inside().or_else(alone).ok_or(why),
    }
}

/// What a file of sums says of the file `name`, the strongest hash of those it has.
///
/// # Errors
/// In words, when it says nothing of it, or two things.
pub fn find(text: &str, name: &str) -> Result<Checksum, String> {
    let lines: Vec<(Option<&str>, Checksum)> = text.lines().filter_map(line).collect();
    let of_it = |algorithm: Algorithm| {
        let mut sums: Vec<&Checksum> = lines
            .iter()
            .filter(|(of, sum)| sum.algorithm == algorithm && of.is_some_and(|of| last(of) == name))
            .map(|(_, sum)| sum)
            .collect();
        sums.sort_by(|a, b| a.hex.cmp(&b.hex));
        sums.dedup();
        sums
    };
    for algorithm in [Algorithm::Sha512, Algorithm::Sha256] {
        match of_it(algorithm)[..] {
            [] => {}
            [sum] => return Ok(sum.clone()),
            _ => return Err(format!("has two different {} of '{name}'", algorithm.name())),
        }
    }
    match &lines[..] {
        // A file of one image alone need not name it.
        [(None, sum)] => Ok(sum.clone()),
        [] => Err("has no SHA-256 or SHA-512 sums".to_owned()),
        _ => Err(format!("does not name '{name}'")),
    }
}

/// The last part of a path, a URL's without its query.
pub fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `HEX  NAME`, `HEX *NAME`, `SHA256 (NAME) = HEX`, or the digits alone.
fn line(line: &str) -> Option<(Option<&str>, Checksum)> {
    let line = line.trim().trim_start_matches('\\');
    if let Some((algorithm, rest)) = line.split_once(" (") {
        let (name, hex) = rest.rsplit_once(") = ")?;
        let sum: Checksum = format!("{}:{hex}", algorithm.replace('-', "")).parse().ok()?;
        return Some((Some(name), sum));
    }
    let (hex, name) = match line.split_once([' ', '\t']) {
        Some((hex, name)) => (hex, Some(name.trim_start().trim_start_matches('*'))),
        None => (line, None),
    };
    // Not what names its algorithm: that is no line of such a file.
    let is_hex = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some((name, hex.parse().ok().filter(|_| is_hex)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_files_and_dated_names_are_known() {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        let of = |text: &str, own: &str| find_in(text, "x.img.xz", own).map(|sum| sum.hex);
        let both = format!("{a}  x.img\n{b}  x.img.xz\n");
        assert_eq!(of(&both, "SUMS"), Ok(b.clone()));
        assert_eq!(of(&format!("{a}  x.img\n"), "SUMS"), Ok(a.clone()));
        let dated = format!("SHA256 (x-20260101.img.xz) = {a}\n");
        assert_eq!(of(&dated, "x.img.xz.sha256"), Ok(a));
        assert!(of(&dated, "SUMS").is_err() && of(&dated, "x.img.xzz").is_err());
        let two = format!("{dated}{b}  y\n");
        assert!(of(&two, "x.img.xz.sha256").is_err());
    }

    #[test]
    fn sums_are_read_as_tools_write_them() {
        let (a, b, long) = ("a".repeat(64), "B".repeat(64), "c".repeat(128));
        let of = |text: &str| find(text, "my.qcow2").map(|sum| sum.to_string());
        let right = Ok(format!("sha256:{a}"));
        for text in [
            format!("{b}  other.qcow2\n{a}  my.qcow2\n"),
            format!("{a} *my.qcow2\r\n"),
            format!("{a}  ./images/my.qcow2"),
            format!("# my.qcow2: 12 bytes\nSHA256 (other) = {b}\nSHA256 (my.qcow2) = {a}\n"),
            format!(
                "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nSHA256 (my.qcow2) = {a}\n-----BEGIN PGP SIGNATURE-----\n"
            ),
            format!("{a}\n"),
            format!("{a}  my.qcow2\n{a}  ./my.qcow2\n"),
        ] {
            assert_eq!(of(&text), right, "{text}");
        }
        let both = format!("{a}  my.qcow2\nSHA512 (my.qcow2) = {long}\n");
        assert_eq!(of(&both), Ok(format!("sha512:{long}")));
        for (text, why) in [
            (
                format!("{a}  my.qcow2.xz\n{b}  other\n"),
                "does not name 'my.qcow2'",
            ),
            (
                format!("{a}  my.qcow2\n{b}  my.qcow2\n"),
                "has two different sha256 of 'my.qcow2'",
            ),
            ("<html>no</html>".to_owned(), "has no SHA-256 or SHA-512 sums"),
            (
                "d41d8cd98f00b204e9800998ecf8427e  my.qcow2".to_owned(),
                "has no SHA-256 or SHA-512 sums",
            ),
        ] {
            assert_eq!(of(&text), Err(why.to_owned()));
        }
    }
}
