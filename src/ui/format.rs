//! Which form results have.

/// Form of the results on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Text.
    #[default]
    Human,
    /// One JSON object.
    Json,
}

impl From<crate::cli::format::Form> for Format {
    /// All but JSON is text to the streams.
    fn from(form: crate::cli::format::Form) -> Format {
        match form {
            crate::cli::format::Form::Json => Format::Json,
            _ => Format::Human,
        }
    }
}
