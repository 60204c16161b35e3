//! What topology/README.md says of the keys is what the readers do.

#![allow(clippy::unwrap_used)]

use irs::topology::reference;

const README: &str = "topology/README.md";
const BEGIN: &str = "<!-- keys -->\n";
const END: &str = "<!-- end of keys -->\n";

#[test]
fn the_readme_is_made_from_the_reference() {
    let readme = std::fs::read_to_string(README).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let wanted = format!("{before}{BEGIN}{}\n{END}{after}", reference::markdown());
    if std::env::var_os("IRS_WRITE_README").is_some() {
        std::fs::write(README, &wanted).unwrap();
    } else {
        assert!(
            readme == wanted,
            "{README} is out of date: IRS_WRITE_README=1 cargo test --test topology_reference"
        );
    }
}
