//! Images that this machine fetches for a hypervisor without a way out, and sends it.

use super::apply::{self, Sent, discard};
use super::download::{Wanted, came, fetch, must_be, note_place};
use super::{Base, cache_name, index_name, locate, packed};
use crate::checksum::Checksum;
use crate::error::{Exit, Fault};
use crate::remote::{Cmd, Host, News};
use crate::url;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// How long this machine keeps what it fetched and nobody asked for since, in days.
const KEPT_DAYS: &str = "+30";

/// Fetches it into a cache of the user's, and sends it.
pub(super) fn bring(
    wanted: &Wanted<'_>,
    host: &Host,
    folder: &str,
    hear: &dyn Fn(News) -> Result<()>,
) -> Result<Base> {
    let here = Host::here();
    let own = cache()?;
    let own = own
        .to_str()
        .context("the user's cache folder has a name that is no text")?;
    let prune = "# Removes what was fetched long ago: folder, days.\n[ ! -d \"$1\" ] || \
        find \"$1\" -maxdepth 1 -type f -name 'irs-url-*' -mtime \"$2\" -delete";
    here.text(&Cmd::script(prune, &[own, KEPT_DAYS]))?;
    let mut report = String::new();
    let file = loop {
        let fetched = fetch(wanted, "", (&here, own), "packed", hear, |output, file, _| {
            report = output.text();
            Ok(Some(PathBuf::from(file)))
        })?;
        if let Some(file) = fetched {
            break file;
        }
    };
    note_place(wanted, &report);
    let shown = url::shown(wanted.url);
    let checked = checked(wanted, &report, &file);
    let (inspected, checksum) = checked.inspect_err(|_| discard(&here, &file.display().to_string()))?;
    if let Some(packing) = inspected.packing {
        let sent = packed::Sent {
            file: &file,
            packing,
            sha256: &inspected.sha256,
            size: inspected.size,
            index: index_name(wanted.url),
            shown,
            checksum,
            must_be: wanted.must_be,
        };
        return packed::send(&sent, host, folder, hear);
    }
    let name = cache_name(&inspected.sha256, inspected.format);
    let sent = Sent {
        file: &file,
        size: inspected.size,
        virtual_size: inspected.virtual_size,
        name: &must_be(name, wanted.must_be, (folder, &shown))?,
        index: Some(index_name(wanted.url)),
        shown,
    };
    apply::send(&sent, host, folder, hear)
}

/// Looks at what this machine fetched; gives what it is, and the checksum that is left to be held of what is packed in it.
fn checked<'a>(
    wanted: &Wanted<'a>,
    report: &str,
    file: &Path,
) -> Result<(locate::Inspected, Option<&'a Checksum>)> {
    let came = came(wanted, report)?;
    let inspected = locate::inspect(file)?;
    let left = wanted.checksum.filter(|checksum| !came.has(checksum));
    if let (Some(checksum), None) = (left, inspected.packing) {
        came.hold(checksum, &url::shown(wanted.url))?;
    }
    Ok((inspected, left))
}

/// The user's cache of images on this machine.
fn cache() -> Result<PathBuf> {
    let set = |name: &str| {
        let value = std::env::var_os(name).map(PathBuf::from);
        value.filter(|path| path.is_absolute())
    };
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    let cache = cache.ok_or_else(|| {
        Fault::new(Exit::Usage, "this machine has no place for what it fetches")
            .hint("set HOME or XDG_CACHE_HOME; or let the hypervisor fetch it: --image-via hypervisor")
    })?;
    Ok(Path::new(&cache).join("irs/images"))
}
