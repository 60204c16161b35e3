//! The images that files name: a disk's or a node's `import_url`.

use std::path::PathBuf;
use std::sync::Arc;

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
        return Ok(ImageSource::Url(text.to_owned()));
    }
    if let Some(path) = text.strip_prefix("file://") {
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
