//! Bringing the base image into the cache.

use super::{Base, Work, cache_name, content, index_name};
use crate::deployment::Storage;
use crate::error::{Exit, Fault, FaultContext};
use crate::image::{self, Format};
use crate::remote::{Cmd, Host};
use crate::url;
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A complete image in the cache's folder that has not got its name yet.
struct Arrived<'a> {
    folder: &'a str,
    /// Its name while it is not checked.
    part: String,
    /// Its name to be.
    name: String,
    /// The file that says which content its URL had.
    index: Option<String>,
    format: Format,
    virtual_size: u64,
    /// The URL or path, as the user typed it.
    shown: String,
}

/// Fetches or sends the base image; `progress` hears how many bytes are there.
///
/// # Errors
/// When the transfer fails, or what came is no usable image.
pub fn apply(work: &Work, host: &Host, storage: &Storage, progress: &(dyn Fn(u64) + Sync)) -> Result<Base> {
    let folder = storage.folder.trim_end_matches('/');
    let arrived = match work {
        Work::Download { url, .. } => download(url, host, folder, progress)?,
        Work::Upload {
            file,
            virtual_size,
            size,
            name,
        } => {
            let format = name
                .rsplit_once('.')
                .and_then(|(_, suffix)| Format::of_name(suffix));
            let part = upload(file, *size, name, host, folder, progress)?;
            Arrived {
                folder,
                part,
                name: name.clone(),
                index: None,
                format: format.context("the name of a cached image says its format")?,
                virtual_size: *virtual_size,
                shown: file.display().to_string(),
            }
        }
    };
    settle(host, arrived)
}

/// Two clients may send the same image at once: each writes a file of its own.
fn upload(
    file: &Path,
    size: u64,
    name: &str,
    host: &Host,
    folder: &str,
    progress: &dyn Fn(u64),
) -> Result<String> {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
    let part = format!("{name}.{}-{nanos}.part", std::process::id());
    let open = File::open(file).with_context(|| format!("opening '{}'", file.display()))?;
    let mut hashed = Hashed(open, Sha256::new());
    host.upload(
        &mut hashed,
        Some(size),
        &format!("{folder}/{part}"),
        0o644,
        progress,
    )
    .with_context(|| format!("uploading '{}'", file.display()))?;
    // What was checked is what has to arrive: another content could name files of the hypervisor.
    let sent: String = hashed
        .1
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if !name.contains(content(&sent)) {
        discard(host, folder, &part);
        let message = format!("image '{}' changed while it was sent", file.display());
        return Err(Fault::new(Exit::Failed, message)
            .hint("run irs again when nobody writes to it")
            .into());
    }
    Ok(part)
}

/// A file whose bytes are hashed as they are read.
struct Hashed(File, Sha256);

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.update(&buffer[..count]);
        Ok(count)
    }
}

fn download<'a>(
    url: &str,
    host: &Host,
    folder: &'a str,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Arrived<'a>> {
    let shown = url::shown(url);
    let partial = format!("{}.part", index_name(url));
    let fetch = Cmd::script(include_str!("download.sh"), &[folder, &partial]).stdin(url::curl_line(url));
    let finished = AtomicBool::new(false);
    let output = std::thread::scope(|scope| {
        scope.spawn(|| watch(host, folder, &partial, &finished, progress));
        let output = host.text(&fetch);
        finished.store(true, Ordering::Relaxed);
        output
    })
    .fault(|| {
        Fault::new(
            Exit::Failed,
            format!("downloading the base image '{shown}' on the hypervisor failed"),
        )
        .hint("run irs again: the download goes on where it stopped")
    })?;
    let value = |key: &str| {
        output
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .context("the download's report is cut short")
    };
    let (part, size, sha256) = (
        value("part=")?.to_owned(),
        value("size=")?.parse::<u64>()?,
        value("sha256=")?,
    );
    let hex: String = output.lines().filter(|line| !line.contains('=')).collect();
    progress(size);
    let header = image::from_hex(&hex);
    let format = image::probe(&header, size, &shown).inspect_err(|_| discard(host, folder, &part))?;
    Ok(Arrived {
        folder,
        part,
        name: cache_name(sha256, format),
        index: Some(index_name(url)),
        format,
        virtual_size: image::virtual_size(&header, size, format),
        shown,
    })
}

/// Reports the size of the partial file until the download ends.
fn watch(host: &Host, folder: &str, part: &str, finished: &AtomicBool, progress: &(dyn Fn(u64) + Sync)) {
    let size = Cmd::script(r#"stat -c %s -- "$1/$2" 2>/dev/null || echo 0"#, &[folder, part]);
    while !finished.load(Ordering::Relaxed) {
        if let Ok(bytes) = host.text(&size) {
            progress(bytes.trim().parse().unwrap_or(0));
        }
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// Checks a complete image and gives it its name, in one move.
fn settle(host: &Host, arrived: Arrived) -> Result<Base> {
    let Arrived {
        folder,
        part,
        name,
        index,
        format,
        virtual_size,
        shown,
    } = arrived;
    if format != Format::Raw {
        let path = format!("{folder}/{part}");
        let check = Cmd::new("qemu-img").args(["check", "-q", "-f", format.name(), &path]);
        let output = host.run(&check)?;
        // 3 is leaked clusters only, harmless in an image that is read; 63 a format that has no check.
        if !matches!(output.status, 0 | 3 | 63) {
            discard(host, folder, &part);
            let errors = output.errors();
            let cause = errors.lines().next().unwrap_or("qemu-img check fails").to_owned();
            return Err(anyhow::anyhow!(cause)).fault(|| {
                Fault::new(Exit::Usage, format!("image '{shown}' is damaged"))
                    .hint("get it again, or look at it with 'qemu-img check'")
            });
        }
    }
    let index = index.unwrap_or_default();
    host.text(&Cmd::script(
        include_str!("place.sh"),
        &[folder, &part, &name, &index],
    ))
    .context("putting the base image into the cache")?;
    Ok(Base {
        path: format!("{folder}/{name}"),
        format,
        virtual_size,
    })
}

fn discard(host: &Host, folder: &str, part: &str) {
    let remove = Cmd::new("rm").args(["-f", "--", &format!("{folder}/{part}")]);
    if let Err(error) = host.text(&remove) {
        tracing::warn!("the useless image '{part}' could not be removed: {error:#}");
    }
}
