//! Bringing the base image into the cache.

use super::{Base, Work, cache_name, index_name};
use crate::deployment::Storage;
use crate::error::{Exit, Fault, FaultContext};
use crate::image::{self, Format};
use crate::remote::{Cmd, Host};
use anyhow::{Context, Result};
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Fetches or sends the base image; `progress` hears how many bytes are there.
///
/// # Errors
/// When the transfer fails, or what came is no usable image.
pub fn apply(work: &Work, host: &Host, storage: &Storage, progress: &(dyn Fn(u64) + Sync)) -> Result<Base> {
    let folder = storage.folder.trim_end_matches('/');
    match work {
        Work::Download { url, .. } => download(url, host, folder, progress),
        Work::Upload { file, size, name } => {
            let part = format!("{folder}/{name}.part");
            let open = File::open(file).with_context(|| format!("opening '{}'", file.display()))?;
            host.upload(open, Some(*size), &part, 0o644, progress)
                .with_context(|| format!("uploading '{}'", file.display()))?;
            let format = name
                .rsplit_once('.')
                .and_then(|(_, suffix)| Format::of_name(suffix));
            let format = format.context("the name of a cached image says its format")?;
            settle(
                host,
                folder,
                &part,
                name,
                None,
                format,
                &file.display().to_string(),
            )
        }
    }
}

fn download(url: &str, host: &Host, folder: &str, progress: &(dyn Fn(u64) + Sync)) -> Result<Base> {
    let part = format!("{}.part", index_name(url));
    let fetch = Cmd::script(include_str!("download.sh"), &[folder, &part, url]);
    let finished = AtomicBool::new(false);
    let output = std::thread::scope(|scope| {
        scope.spawn(|| watch(host, folder, &part, &finished, progress));
        let output = host.text(&fetch);
        finished.store(true, Ordering::Relaxed);
        output
    })
    .fault(|| {
        Fault::new(
            Exit::Failed,
            format!("downloading the base image '{url}' on the hypervisor failed"),
        )
        .hint("run irs again: the download goes on where it stopped")
    })?;
    let part = format!("{folder}/{part}");
    let value = |key: &str| output.lines().find_map(|line| line.strip_prefix(key));
    let size: u64 = value("size=")
        .and_then(|text| text.parse().ok())
        .context("the download has no size")?;
    let digest = value("sha256=").context("the download has no checksum")?;
    let format = image::probe(&from_hex(&output), size, url).inspect_err(|_| {
        // A wrong file must not be taken for the beginning of the right one by the next run.
        discard(host, &part);
    })?;
    settle(
        host,
        folder,
        &part,
        &cache_name(digest, format),
        Some(&index_name(url)),
        format,
        url,
    )
}

/// Reports the size of the partial file until the download ends.
fn watch(host: &Host, folder: &str, part: &str, finished: &AtomicBool, progress: &(dyn Fn(u64) + Sync)) {
    let size = Cmd::script(r#"stat -c %s -- "$1/$2" 2>/dev/null || echo 0"#, &[folder, part]);
    while !finished.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(500));
        if let Ok(bytes) = host.text(&size) {
            progress(bytes.trim().parse().unwrap_or(0));
        }
    }
}

/// The bytes that `od -tx1` printed; other lines have a `=`.
fn from_hex(output: &str) -> Vec<u8> {
    output
        .lines()
        .filter(|line| !line.contains('='))
        .flat_map(str::split_whitespace)
        .filter_map(|byte| u8::from_str_radix(byte, 16).ok())
        .collect()
}

/// Checks a complete file and gives it its name in the cache, in one move.
fn settle(
    host: &Host,
    folder: &str,
    part: &str,
    name: &str,
    index: Option<&str>,
    format: Format,
    shown: &str,
) -> Result<Base> {
    if format != Format::Raw {
        let check = Cmd::new("qemu-img").args(["check", "-q", "-f", format.name(), part]);
        let output = host.run(&check)?;
        // Status 3 is leaked clusters only: harmless in an image that is read.
        if !matches!(output.status, 0 | 3 | 63) {
            discard(host, part);
            return output
                .check(&check, host.name())
                .map(|_| unreachable!("a status other than 0 is an error"))
                .fault(|| {
                    Fault::new(Exit::Usage, format!("image '{shown}' is damaged"))
                        .hint("get it again, or check it with 'qemu-img check'")
                });
        }
    }
    let place = Cmd::script(
        r#"set -eu; chmod 0644 -- "$2"; mv -f -- "$2" "$1/$3"; if [ -n "$4" ]; then printf %s "$3" >"$1/.$4.new"; mv -f -- "$1/.$4.new" "$1/$4"; fi"#,
        &[folder, part, name, index.unwrap_or_default()],
    );
    host.text(&place)
        .context("putting the base image into the cache")?;
    Ok(Base {
        path: format!("{folder}/{name}"),
        format,
    })
}

fn discard(host: &Host, part: &str) {
    let remove = Cmd::new("rm").args(["-f", "--", part]);
    if let Err(error) = host.text(&remove) {
        tracing::warn!("the useless download '{part}' could not be removed: {error:#}");
    }
}
