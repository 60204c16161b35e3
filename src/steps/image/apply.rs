//! Bringing the base image into the cache.

use super::settle::{Arrived, settle};
use super::{Base, Work, cache_name, content, converted_from, index_name, locate, unconverted};
use crate::checksum::{Algorithm, Checksum};
use crate::deployment::Storage;
use crate::error::{Exit, Fault};
use crate::image::{self, Format};
use crate::remote::{Cmd, Ended, Host, Job, News, Output};
use crate::url;
use crate::{apply, interrupt};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::path::Path;

/// Fetches or sends the base image; `hear` is told how it goes.
///
/// # Errors
/// When the transfer fails, or what came is no usable image.
pub fn apply(work: &Work, host: &Host, storage: &Storage, hear: &dyn Fn(News) -> Result<()>) -> Result<Base> {
    let folder = storage.folder.trim_end_matches('/');
    match work {
        Work::Download {
            url,
            size,
            checksum,
            seen,
            must_be,
            ..
        } => {
            let mut seen = seen.clone();
            let wanted = Wanted {
                url,
                length: *size,
                checksum: checksum.as_ref(),
                must_be: must_be.as_deref(),
            };
            loop {
                if let Some(base) = download(&wanted, &seen, host, folder, hear)? {
                    break Ok(base);
                }
                let (base, state) = locate::cached_url(host, storage, url)?;
                if let Some(base) = base.filter(|_| state != seen)
                    && locate::is_that(host, &base, checksum.as_ref())?
                {
                    break Ok(base);
                }
                seen = state;
            }
        }
        Work::Upload {
            file,
            virtual_size,
            size,
            name,
        } => {
            let part = upload(file, *size, name, host, folder, hear)?;
            let path = format!("{folder}/{part}");
            let arrived = Arrived {
                folder,
                part,
                name: name.clone(),
                index: None,
                format: converted_from(name).map_or_else(|| format_of(name), Ok)?,
                size: *size,
                virtual_size: *virtual_size,
                shown: file.display().to_string(),
            };
            let settled = settle(host, &arrived, hear);
            let Err(error) = settled else { return settled };
            // Another run may have sent the same, and been faster with the last step.
            let placed = "[ ! -e \"$1\" ] && [ -e \"$2\" ] && [ -e \"$2.seal\" ]";
            let base = format!("{folder}/{name}");
            if host.run(&Cmd::script(placed, &[&path, &base]))?.success() {
                let virtual_size = *virtual_size;
                return Ok(Base {
                    path: base,
                    format: format_of(name)?,
                    virtual_size,
                });
            }
            discard(host, &path);
            Err(error)
        }
    }
}

/// The format of a cached image, by its name.
fn format_of(name: &str) -> Result<Format> {
    let suffix = name.rsplit_once('.').map(|(_, suffix)| suffix);
    suffix
        .and_then(Format::of_name)
        .context("the name of a cached image says its format")
}

/// Sends the image to a name that follows from its content, so that whoever sends it next goes on with what is there.
fn upload(
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
    let sent = match host.send(&mut open, size, &format!("{folder}/{name}.part"), &heard) {
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

/// What is to be downloaded.
struct Wanted<'a> {
    url: &'a str,
    /// Bytes.
    length: Option<u64>,
    checksum: Option<&'a Checksum>,
    /// The name that its content must give it.
    must_be: Option<&'a str>,
}

/// The hypervisor fetches it, in a process that goes on when we are cut off; nothing when another run has made use of what came,
/// or had fetched it already since the cache was `seen`: its plan may be older than the end of that download.
fn download(
    wanted: &Wanted<'_>,
    seen: &str,
    host: &Host,
    folder: &str,
    hear: &dyn Fn(News) -> Result<()>,
) -> Result<Option<Base>> {
    let url = wanted.url;
    let other = wanted.checksum.map(|checksum| checksum.algorithm);
    let other = other.filter(|algorithm| *algorithm != Algorithm::Sha256);
    let other = other.map_or("", Algorithm::name);
    let partial = format!("{}{other}.part", index_name(url));
    let file = format!("{folder}/{partial}");
    let index = index_name(url);
    let args = [folder, &partial, other, &index];
    let job = Job {
        purpose: "",
        script: include_str!("download.sh"),
        args: &args,
        stdin: &format!("{seen}\n{}", url::curl_line(url)),
        file: &file,
        kept: true,
    };
    let output = match host.job(&job, hear)? {
        Ended::Done(output) => output,
        Ended::Taken => return Ok(None),
    };
    if !output.success() {
        return Err(failure(url, &output));
    }
    let report = output.text();
    if report.trim() == "cached" {
        host.forget(&job)?;
        return Ok(None);
    }
    let arrived = check(wanted, &report, folder, partial.clone());
    if let Ok(arrived) = &arrived {
        hear(News::Size(arrived.size))?;
    }
    let settled = arrived.and_then(|arrived| settle(host, &arrived, hear));
    let is_there = host.run(&Cmd::new("test").args(["-e", &file]))?.success();
    if settled.is_err() && is_there {
        discard(host, &file);
    }
    host.forget(&job)?;
    match settled {
        Ok(base) => Ok(Some(base)),
        Err(error) if is_there => Err(error),
        // Another run was faster, or somebody cleared up what nobody had asked for since.
        Err(_) => Ok(None),
    }
}

/// Reads what the download's script says of the file.
fn check<'a>(wanted: &Wanted<'_>, report: &str, folder: &'a str, part: String) -> Result<Arrived<'a>> {
    let Wanted { url, length, .. } = *wanted;
    let value = |key: &str| {
        report
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .context("the download's report is cut short")
    };
    let size = value("size=")?.parse::<u64>()?;
    if let Some(length) = length.filter(|length| *length != size) {
        bail!(
            Fault::new(
                Exit::Failed,
                format!(
                    "'{}' was to have {length} bytes, and {size} came",
                    url::shown(url)
                )
            )
            .hint("did it change on the server just now? Run irs again")
        );
    }
    if let Some(checksum) = wanted.checksum {
        let digest = value(&format!("{}=", checksum.algorithm.name()))?;
        locate::hold(checksum, digest, &url::shown(url))?;
    }
    let hex: String = report.lines().filter(|line| !line.contains('=')).collect();
    let header = image::from_hex(&hex);
    let shown = url::shown(url);
    let format = image::probe(&header, size, &shown)?;
    let mut name = cache_name(value("sha256=")?, format);
    // Nodes over one that an earlier irs did not convert need it as it was.
    if wanted.must_be == Some(unconverted(&name)) {
        name = unconverted(&name).to_owned();
    }
    if let Some(must_be) = wanted.must_be.filter(|must_be| *must_be != name) {
        let message =
            format!("image '{shown}' is another one now than '{folder}/{must_be}', which nodes lie over");
        return Err(Fault::new(Exit::Failed, message)
            .hint("put the file back from elsewhere, or make these nodes anew with --remove-nodes")
            .into());
    }
    Ok(Arrived {
        folder,
        part,
        name,
        index: Some(index_name(url)),
        format,
        size,
        virtual_size: image::virtual_size(&header, size, format),
        shown,
    })
}

/// A download that failed, as curl says it.
fn failure(url: &str, output: &Output) -> anyhow::Error {
    let errors = output.errors();
    let full = errors.contains("No space left on device") || output.status == 23;
    let (exit, hint) = match full {
        true => (
            Exit::Resources,
            "make room in the folder of images there, or take another one by --disk-pool",
        ),
        false => (
            Exit::Failed,
            "run irs again: the download goes on where it stopped",
        ),
    };
    let cause = match errors.trim() {
        "" => format!("status {}", output.status),
        errors => errors.to_owned(),
    };
    anyhow::anyhow!(cause).context(
        Fault::new(
            exit,
            format!(
                "downloading the base image '{}' on the hypervisor failed",
                url::shown(url)
            ),
        )
        .hint(hint),
    )
}

fn discard(host: &Host, path: &str) {
    let remove = Cmd::new("rm").args(["-f", "--", path, &format!("{path}.head")]);
    if let Err(error) = host.text(&remove) {
        tracing::warn!("the useless image '{path}' could not be removed: {error:#}");
    }
}
