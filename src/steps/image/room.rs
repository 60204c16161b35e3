//! Whether an image that is to come finds room, where nothing else is to be made of it: a run counts it with its nodes.

use super::{Located, Work, download};
use crate::error::{Exit, Fault};
use crate::remote::{Cmd, Host};
use crate::steps::host::check::{NO_ROOM, READ_ONLY};
use crate::units::bytes;
use anyhow::{Context, Result, bail};

/// Checks that the folder of images takes what is to come.
///
/// # Errors
/// `Resources`, when it does not.
pub fn check(host: &Host, folder: &str, located: &Located) -> Result<()> {
    let part = match located {
        Located::Cached(_) => return Ok(()),
        Located::Missing(work @ Work::Download { .. }) => download::partial_of(work),
        Located::Missing(_) => None,
    };
    // What an earlier run fetched of it has its room already.
    let part = part.map_or_else(String::new, |part| format!("{folder}/{part}"));
    let script = concat!(
        include_str!("../../apply/disk.sh"),
        "\nstat -c %s -- \"$2\" 2>/dev/null || echo 0\n"
    );
    let found = host
        .text(&Cmd::script(script, &[folder, &part]))
        .context("looking for room for the image")?;
    match lacks(&found, located.size(), folder) {
        None => Ok(()),
        Some((what, hint)) => {
            bail!(Fault::new(Exit::Resources, format!("'{}' lacks {what}", host.name())).hint(hint))
        }
    }
}

/// What a file system lacks for an image of `size` bytes, by what the script says of it.
fn lacks(found: &str, size: u64, folder: &str) -> Option<(String, &'static str)> {
    let (first, part) = found.trim().split_once('\n')?;
    let mut words = first.split_whitespace();
    let free: u64 = words.next()?.parse().ok()?;
    if words.next() == Some("no") {
        let what = format!("a disk that takes writes: the file system of '{folder}' is read-only");
        return Some((what, READ_ONLY));
    }
    let needed = size.saturating_sub(part.trim().parse().unwrap_or(0));
    (needed > free).then(|| {
        let what = format!(
            "disk: the base image needs {}, {} are free in '{folder}'",
            bytes(needed),
            bytes(free)
        );
        (what, NO_ROOM)
    })
}

#[cfg(test)]
mod tests {
    use super::lacks;

    #[test]
    fn an_image_finds_room_before_it_comes() {
        let what = |found: &str, size| lacks(found, size, "/images").map(|(what, _)| what);
        assert_eq!(what("4096 yes /srv/a b\n0\n", 4096), None);
        assert_eq!(
            what("4096 yes /srv\n0\n", 8192).unwrap(),
            "disk: the base image needs 8.00 KiB, 4.00 KiB are free in '/images'"
        );
        // The half that an earlier run fetched is there.
        assert_eq!(what("4096 yes /srv\n4096\n", 8192), None);
        assert!(what("4096 no /srv\n0\n", 1).unwrap().ends_with("is read-only"));
    }
}
