//! Random input: files that are noise, files that are nearly right, and any text in any value of the XML. Nothing may
//! panic, what is refused is said in clean text, and what is taken gives XML that says the same. `PROPTEST_CASES` is how
//! many of each are tried.

#![allow(clippy::unwrap_used)]

#[path = "fuzz/files.rs"]
mod files;
#[path = "fuzz/words.rs"]
mod words;
#[path = "fuzz/xml.rs"]
mod xml;

use proptest::prelude::ProptestConfig;

/// Few enough for every run of the tests; no file of failures, as a failure becomes a test of its own.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok());
    ProptestConfig {
        cases: cases.unwrap_or(150),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
