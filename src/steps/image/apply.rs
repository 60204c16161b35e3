//! Bringing the base image into the cache.

use super::settle::{Arrived, Then, settle};
use super::{Base, Work, content, converted_from, download, packed};
use crate::deployment::Storage;
use crate::error::{Exit, Fault};
use crate::image::Format;
use crate::remote::{Cmd, Host, News};
use crate::{apply, interrupt};
use anyhow::{Context, Result};
use std::fs::File;
use std::path::Path;

/// Fetches or sends the base image; `hear` is told how it goes.
///
/// # Errors
/// When the transfer fails, or what came is no usable image.
pub fn apply(work: &Work, host: &Host, storage: &Storage, hear: &dyn Fn(News) -> Result<()>) -> Result<Base> {
    let folder = storage.folder.trim_end_matches('/');
    match work {
        Work::Download { .. } => download::bring(work, host, storage, hear),
        Work::Unpack { .. } => packed::bring(work, host, folder, hear),
        Work::Upload {
            file,
            virtual_size,
            size,
            name,
        } => {
            let sent = Sent {
                file,
                size: *size,
                virtual_size: *virtual_size,
                name,
                index: None,
                shown: file.display().to_string(),
            };
            send(&sent, host, folder, hear)
        }
    }
}

/// A file of this machine that is to be a base image.
pub(super) struct Sent<'a> {
    /// The file.
    pub(super) file: &'a Path,
    /// Bytes.
    pub(super) size: u64,
    /// The size of the disk in it, in bytes.
    pub(super) virtual_size: u64,
    /// Its name in the cache.
    pub(super) name: &'a str,
    /// The file that says which content its URL had, where it has one.
    pub(super) index: Option<String>,
    /// What messages call it.
    pub(super) shown: String,
}

/// Sends it, and gives it its name.
pub(super) fn send(
    sent: &Sent<'_>,
    host: &Host,
    folder: &str,
    hear: &dyn Fn(News) -> Result<()>,
) -> Result<Base> {
    let Sent {
        file,
        size,
        virtual_size,
        name,
        ..
    } = *sent;
    let part = upload(file, size, name, host, folder, hear)?;
    let path = format!("{folder}/{part}");
    let arrived = Arrived {
        folder,
        part,
        name: name.to_owned(),
        index: sent.index.clone(),
        format: converted_from(name).map_or_else(|| format_of(name), Ok)?,
        size,
        virtual_size,
        shown: sent.shown.clone(),
        came: None,
    };
    let settled = settle(host, &arrived, &Then::default(), hear);
    let Err(error) = settled else { return settled };
    // What was sent is whole: the next run begins with its check.
    if apply::is_stop(&error) {
        return Err(error);
    }
    // Another run may have sent the same, and been faster with the last step.
    let placed = "[ ! -e \"$1\" ] && [ -e \"$2\" ] && [ -e \"$2.seal\" ]";
    let base = format!("{folder}/{name}");
    if host.run(&Cmd::script(placed, &[&path, &base]))?.success() {
        return Ok(Base {
            path: base,
            format: format_of(name)?,
            virtual_size,
        });
    }
    discard(host, &path);
    Err(error)
}

/// The format of a cached image, by its name.
fn format_of(name: &str) -> Result<Format> {
    let suffix = name.rsplit_once('.').map(|(_, suffix)| suffix);
    suffix
        .and_then(Format::of_name)
        .context("the name of a cached image says its format")
}

/// Sends the image to a name that follows from its content, so that whoever sends it next goes on with what is there.
pub(super) fn upload(
    file: &Path,
    size: u64,
    name: &str,
    host: &Host,
    folder: &str,
    hear: &dyn Fn(News) -> Result<()>,
) -> Result<String> {
    let mut open = File::open(file).with_context(|| format!("opening '{}'", file.display()))?;
    // What goes wrong besides shows in the upload itself.
    let heard = |bytes| drop(hear(News::Size(bytes)));
    let path = format!("{folder}/{name}.part");
    // The other formats have no zeros to leave out.
    let sent = match Format::of_name(name.rsplit('.').next().unwrap_or_default()) {
        Some(Format::Raw) => host.send_sparse(&mut open, size, &path, &heard),
        _ => host.send(&mut open, size, &path, &heard),
    };
    let sent = match sent {
        Err(_) if interrupt::requested() => return Err(apply::stopped()),
        sent => sent.with_context(|| format!("uploading '{}'", file.display()))?,
    };
    if sent.found > 0 {
        tracing::info!("{} bytes of '{}' were there already", sent.found, file.display());
    }
    // What was checked is what has to arrive: another content could name files of the hypervisor.
    if !name.contains(content(&sent.sha256)) {
        discard(host, &sent.path);
        let message = format!("image '{}' changed while it was sent", file.display());
        return Err(Fault::new(Exit::Failed, message)
            .hint("run irs again when nobody writes to it")
            .into());
    }
    let part = sent.path.rsplit('/').next().unwrap_or_default();
    Ok(part.to_owned())
}

pub(super) fn discard(host: &Host, path: &str) {
    let remove = Cmd::new("rm").args(["-f", "--", path, &format!("{path}.head")]);
    if let Err(error) = host.text(&remove) {
        tracing::warn!("the useless image '{path}' could not be removed: {error:#}");
    }
}
