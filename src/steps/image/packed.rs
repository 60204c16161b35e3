//! Packed images: those of this machine, which are sent as they are and unpacked there.

use super::apply::{discard, upload};
use super::download::{Came, arrived};
use super::settle::{Then, settle};
use super::{Base, Work, index_name as of_url};
use crate::checksum::Checksum;
use crate::error::{Exit, Fault};
use crate::packed::Packing;
use crate::remote::{Cmd, Ended, Host, Job, News};
use anyhow::{Result, anyhow, bail};
use std::path::Path;

/// A script, which begins with a comment, with the words for unpacking before it.
pub(super) fn unpacking(script: &str) -> String {
    let (about, rest) = script.split_once('\n').unwrap_or((script, ""));
    [about, "\n", include_str!("unpack.sh"), rest].concat()
}

/// The name that a partial file's content has while it is not checked.
pub(super) fn plain(part: &str) -> String {
    format!("{}.unpacked.part", part.strip_suffix(".part").unwrap_or(part))
}

/// The small file that says which image was in a packed file of that SHA-256.
pub(super) fn index_name(sha256: &str) -> String {
    of_url(&format!("packed:{sha256}"))
}

/// Sees to it that the hypervisor can unpack it.
///
/// # Errors
/// `Resources`, with what is to be installed.
pub(super) fn check_program(host: &Host, packing: Packing, shown: &str) -> Result<()> {
    let there = Cmd::script(r#"command -v "$1" >/dev/null"#, &[packing.program()]);
    if host.run(&there)?.success() {
        return Ok(());
    }
    let (program, (debian, others)) = (packing.program(), packing.packages());
    let install = match debian == others {
        true => format!("install its package '{debian}' there"),
        false => format!("install its package there: '{debian}' on Debian and Ubuntu, '{others}' elsewhere"),
    };
    let fault = Fault::new(
        Exit::Resources,
        format!(
            "image '{shown}' is packed by {program}, and '{}' lacks the program '{program}'",
            host.name()
        ),
    );
    Err(fault
        .hint(format!("{install}, or unpack the image yourself"))
        .into())
}

/// Brings a packed file of this machine into the cache.
///
/// # Errors
/// When it cannot be sent or unpacked, or has no usable image in it.
pub(super) fn bring(
    work: &Work,
    host: &Host,
    folder: &str,
    hear: &dyn Fn(News) -> Result<()>,
) -> Result<Base> {
    let Work::Unpack {
        file,
        packing,
        sha256,
        size,
        must_be,
        ..
    } = work
    else {
        bail!("this is nothing packed");
    };
    let sent = Sent {
        file,
        packing: *packing,
        sha256,
        size: *size,
        index: index_name(sha256),
        shown: file.display().to_string(),
        checksum: None,
        must_be: must_be.as_deref(),
    };
    send(&sent, host, folder, hear)
}

/// A packed file of this machine that is to become a base image.
pub(super) struct Sent<'a> {
    /// The file.
    pub(super) file: &'a Path,
    /// What unpacks it.
    pub(super) packing: Packing,
    /// Its SHA-256, as it is packed.
    pub(super) sha256: &'a str,
    /// Bytes.
    pub(super) size: u64,
    /// The file that will say which image is in it.
    pub(super) index: String,
    /// What messages call it.
    pub(super) shown: String,
    /// What is left to be held of what is in it.
    pub(super) checksum: Option<&'a Checksum>,
    /// The name that its content must give it.
    pub(super) must_be: Option<&'a str>,
}

/// Sends it, unpacks it there, and gives it its name.
///
/// # Errors
/// As those of [`bring`].
pub(super) fn send(
    sent: &Sent<'_>,
    host: &Host,
    folder: &str,
    hear: &dyn Fn(News) -> Result<()>,
) -> Result<Base> {
    let Sent {
        packing, ref shown, ..
    } = *sent;
    let name = format!("irs-packed-{}", super::content(sent.sha256));
    let part = upload(sent.file, sent.size, &name, host, folder, hear)?;
    let other = sent.checksum.map_or("", |checksum| checksum.algorithm.name());
    let args = [
        folder,
        &part,
        packing.program(),
        &plain(&part),
        sent.sha256,
        other,
    ];
    let script = unpacking(include_str!("unpack_sent.sh"));
    let job = Job {
        purpose: "",
        script: &script,
        args: &args,
        stdin: "",
        file: "",
        kept: false,
    };
    let tell = |news| match news {
        // It has no size that says how far it is.
        News::Size(_) => Ok(()),
        joined => hear(joined),
    };
    let output = match host.job(&job, &tell)? {
        Ended::Done(output) => output,
        Ended::Taken => bail!("'{shown}' was unpacked by another run: run irs again"),
    };
    if !output.success() {
        let full = output.errors().contains("No space left on device");
        let (exit, hint) = match full {
            true => (
                Exit::Resources,
                "make room in the folder of images there, or take another one by --disk-pool",
            ),
            false => (
                Exit::Usage,
                "is the file whole? Nothing of it was kept on the hypervisor",
            ),
        };
        let fault = Fault::new(
            exit,
            format!("the packed base image '{shown}' cannot be unpacked"),
        );
        return Err(anyhow!(output.errors().trim().to_owned()).context(fault.hint(hint)));
    }
    let report = output.text();
    let path = format!("{folder}/{}", plain(&part));
    let held = match sent.checksum {
        Some(checksum) => Came::of(&report).hold(checksum, shown),
        None => Ok(()),
    };
    let whole = held.and_then(|()| {
        arrived(
            &report,
            (folder, plain(&part)),
            (sent.index.clone(), shown.clone()),
            sent.must_be,
        )
    });
    // Who joins an unpacking that has ended has sent for nothing what it took away.
    let then = Then::remove(format!("{folder}/{part}"));
    let settled = whole.and_then(|arrived| settle(host, &arrived, &then, hear));
    if settled.is_err() {
        discard(host, &path);
    }
    settled
}
