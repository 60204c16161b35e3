//! Text that must not be shown.

use std::fmt;
use std::process::Command;

/// A password: no log, no message and no plan shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text secret.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text itself, for where it must go.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Secret(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What all variables that irs reads begin with.
const VARIABLES: &str = "IRS_";

/// The variable that says the same as a flag.
pub fn variable(flag: &str) -> String {
    format!("{VARIABLES}{}", flag.to_uppercase().replace('-', "_"))
}

/// Keeps what irs was told by its environment, passwords among it, from a program that has no use for it.
pub fn keep_from(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with(VARIABLES) {
            command.env_remove(name);
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn it_is_not_shown() {
        let secret = Some(Secret::new("sesame"));
        assert_eq!(format!("{secret:?}"), "Some((secret))");
    }
}
