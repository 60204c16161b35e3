//! The images that files name: a disk's or a node's `import_url`.

use std::path::PathBuf;
use std::sync::Arc;

use super::Topology;
use crate::catalogue::Catalogue;
use crate::deployment::ImageSource;
use crate::yaml::{Fields, Place, Problems, shown};

/// An image that a file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Where it comes from.
    pub source: ImageSource,
    /// Where it is said.
    pub place: Place,
}

/// Reads an image's URL, or its path on this machine.
pub(super) fn read(fields: &Fields<'_>, key: &str, problems: &mut Problems) -> Option<Import> {
    let tree = fields.get(key)?;
    let text = tree.string(&fields.what(key), problems)?;
    match source(&text) {
        Ok(source) => Some(Import {
            source,
            place: tree.place.clone(),
        }),
        Err((why, hint)) => {
            problems
                .push(tree.place.clone(), format!("{} {why}", fields.what(key)))
                .hint(hint);
            None
        }
    }
}

/// The image that a word names in the catalogue, when it is no path; nothing when it is another thing.
pub fn named(source: &ImageSource, catalogue: &Catalogue) -> Option<ImageSource> {
    let ImageSource::File(path) = source else {
        return None;
    };
    let entry = catalogue.get(path.to_str()?)?;
    Some(ImageSource::Named(Arc::new(entry.clone())))
}

/// What to say of a word that is neither a name of the catalogue nor a file of this machine; nothing of what looks like a path.
pub fn unknown(source: &ImageSource, catalogue: &Catalogue) -> Option<(String, String)> {
    let ImageSource::File(path) = source else {
        return None;
    };
    let text = path.to_str()?;
    let is_word = !text.is_empty() && !text.contains('/') && !path.exists();
    is_word.then(|| {
        (
            format!(
                "'{}' is neither a file of this machine nor an image that has a name",
                shown(text)
            ),
            catalogue.hint(text),
        )
    })
}

/// Finds the words in files that mean no image.
pub fn check(topology: &Topology, catalogue: &Catalogue, problems: &mut Problems) {
    for spec in &topology.node_types {
        let disks = spec.disks.iter().filter_map(|disk| disk.import.as_ref());
        for import in disks.chain(&spec.import) {
            let is_name = named(&import.source, catalogue).is_some();
            if let Some((why, hint)) = unknown(&import.source, catalogue).filter(|_| !is_name) {
                problems
                    .push(import.place.clone(), format!("'import_url' {why}"))
                    .hint(hint);
            }
        }
    }
}

/// Where an image comes from: an http(s) URL, or the path of a file on this machine.
///
/// # Errors
/// What is wrong, to be said after the name of the flag or key, and a hint.
pub fn source(text: &str) -> Result<ImageSource, (String, &'static str)> {
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("http://") || lower.starts_with("https://") {
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err((
                format!(
                    "'{}' has blanks or control characters",
                    shown(&crate::url::shown(text))
                ),
                "write a blank as %20",
            ));
        }
        let rest = text.split_once("://").map_or("", |(_, rest)| rest);
        if rest.is_empty() || rest.starts_with(['/', '?', '#', ':']) {
            return Err((
                format!("'{}' has no host", shown(&crate::url::shown(text))),
                "e.g. https://host.example/images/disk.qcow2",
            ));
        }
        return Ok(ImageSource::Url(text.to_owned()));
    }
    if lower.starts_with("file://") {
        let path = &text["file://".len()..];
        let path = path.strip_prefix("localhost").unwrap_or(path);
        // What begins with a host is of another machine, and no name of the catalogue.
        if !path.starts_with('/') {
            return Err((
                format!("'{}' has no absolute path", shown(text)),
                "a file of this machine is file:///folder/image.qcow2, or its path alone",
            ));
        }
        return Ok(ImageSource::File(PathBuf::from(path)));
    }
    if let Some((scheme, _)) = text.split_once("://") {
        return Err((
            format!("has the scheme '{}'", shown(scheme)),
            "it takes http://, https://, the path of a file, or a name that 'irs topology images' shows",
        ));
    }
    if text.is_empty() {
        return Err((
            "is empty".to_owned(),
            "it takes http://, https://, the path of a file, or a name that 'irs topology images' shows",
        ));
    }
    Ok(ImageSource::File(PathBuf::from(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_by_their_words() {
        let file = |path: &str| Ok(ImageSource::File(PathBuf::from(path)));
        for (text, expected) in [
            ("/a/b.img", file("/a/b.img")),
            ("debian-13", file("debian-13")),
            ("file:///a/b.img", file("/a/b.img")),
            ("FILE://localhost/a/b.img", file("/a/b.img")),
            ("HTTP://h/x", Ok(ImageSource::Url("HTTP://h/x".to_owned()))),
            ("file://debian-13", Err("'file://debian-13' has no absolute path")),
            (
                "file://other/a/b.img",
                Err("'file://other/a/b.img' has no absolute path"),
            ),
            ("http://", Err("'http://' has no host")),
            ("https:///x", Err("'https:///x' has no host")),
            (
                "http://h/a b",
                Err("'http://h/a b' has blanks or control characters"),
            ),
            ("ftp://h/x", Err("has the scheme 'ftp'")),
            ("", Err("is empty")),
        ] {
            let found = source(text).map_err(|(why, _)| why);
            assert_eq!(found, expected.map_err(str::to_owned), "{text}");
        }
    }
}
