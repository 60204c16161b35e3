//! Fetching the base image: by the hypervisor itself, or by this machine, which then sends it.

use super::apply::discard;
use super::getting::{self, Getting, Via};
use super::settle::{Arrived, Then, settle};
use super::{Base, Work, cache_name, index_name, locate, packed, relay, unconverted};
use crate::apply::is_stop;
use crate::checksum::{Algorithm, Checksum};
use crate::deployment::Storage;
use crate::error::{Exit, Fault};
use crate::image;
use crate::remote::{Cmd, Ended, Host, Job, News, Output};
use crate::url;
use anyhow::{Context, Result, anyhow, bail};

/// Status of a download that came whole, and whose image could not be unpacked.
const NOT_UNPACKED: i32 = 65;

/// What is to be downloaded.
pub(super) struct Wanted<'a> {
    pub(super) url: &'a str,
    pub(super) urls: &'a [String],
    pub(super) getting: &'a Getting,
    /// Bytes.
    pub(super) length: Option<u64>,
    pub(super) checksum: Option<&'a Checksum>,
    /// The name that its content must give it.
    pub(super) must_be: Option<&'a str>,
}

/// Brings it into the cache.
///
/// # Errors
/// When no place gives it, or what comes is no usable image.
pub(super) fn bring(
    work: &Work,
    host: &Host,
    storage: &Storage,
    hear: &dyn Fn(News) -> Result<()>,
) -> Result<Base> {
    let folder = storage.folder.trim_end_matches('/');
    let Work::Download {
        url,
        urls,
        getting,
        size,
        checksum,
        seen,
        must_be,
        ..
    } = work
    else {
        bail!("this is no download");
    };
    let wanted = Wanted {
        url,
        urls,
        getting,
        length: *size,
        checksum: checksum.as_ref(),
        must_be: must_be.as_deref(),
    };
    if getting.via == Via::Client {
        return relay::bring(&wanted, host, folder, hear);
    }
    let mut seen = seen.clone();
    loop {
        if let Some(base) = download(&wanted, &seen, host, folder, hear)? {
            return Ok(base);
        }
        let (base, state) = locate::cached_url(host, storage, url)?;
        if let Some(base) = base.filter(|_| state != seen)
            && locate::is_that(host, &base, checksum.as_ref())?
        {
            return Ok(base);
        }
        seen = state;
    }
}

/// The other checksum than SHA-256 that is wanted, as the scripts take it.
fn other(checksum: Option<&Checksum>) -> &'static str {
    let algorithm = checksum.map(|checksum| checksum.algorithm);
    let other = algorithm.filter(|algorithm| *algorithm != Algorithm::Sha256);
    other.map_or("", Algorithm::name)
}

/// The name of what has come of it so far.
fn partial(wanted: &Wanted<'_>) -> String {
    format!("{}{}.part", index_name(wanted.url), other(wanted.checksum))
}

/// The same of an image that is to be downloaded.
pub(super) fn partial_of(work: &Work) -> Option<String> {
    let Work::Download { url, checksum, .. } = work else {
        return None;
    };
    Some(format!("{}{}.part", index_name(url), other(checksum.as_ref())))
}

/// What a job of fetching ended with; the job itself is forgotten when that was made use of,
/// but not when the run is asked to stop before.
pub(super) fn fetch<T>(
    wanted: &Wanted<'_>,
    seen: &str,
    (host, folder): (&Host, &str),
    packed: &str,
    hear: &dyn Fn(News) -> Result<()>,
    then: impl FnOnce(Output, &str, &Job<'_>) -> Result<Option<T>>,
) -> Result<Option<T>> {
    let partial = partial(wanted);
    let file = format!("{folder}/{partial}");
    let index = index_name(wanted.url);
    let expected = wanted
        .length
        .map_or_else(String::new, |length| length.to_string());
    let args = [
        folder,
        &partial,
        other(wanted.checksum),
        &index,
        packed,
        &expected,
    ];
    let script = getting::with_proxy(&packed::unpacking(include_str!("download.sh")));
    let job = Job {
        purpose: "",
        script: &script,
        args: &args,
        stdin: &format!("{seen}\n{}", wanted.getting.config(wanted.urls)),
        file: &file,
        kept: true,
    };
    let Ended::Done(output) = host.job(&job, hear)? else {
        return Ok(None);
    };
    if !output.success() {
        return Err(failure(wanted, host, &output));
    }
    let result = then(output, &file, &job);
    if !result.as_ref().is_err_and(is_stop) {
        host.forget(&job)?;
    }
    result
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
    fetch(wanted, seen, (host, folder), "", hear, |output, file, job| {
        let report = output.text();
        if report.trim() == "cached" {
            return Ok(None);
        }
        note_place(wanted, &report);
        let part = partial(wanted);
        let (part, file) = match report.contains("\npacked=") {
            true => (packed::plain(&part), packed::plain(file)),
            false => (part, file.to_owned()),
        };
        let arrived = check(wanted, &report, folder, part);
        if let Ok(arrived) = &arrived {
            hear(News::Size(wanted.length.unwrap_or(arrived.size)))?;
        }
        let settled = arrived.and_then(|arrived| settle(host, &arrived, &Then::forget(job), hear));
        let is_there = host.run(&Cmd::new("test").args(["-e", &file]))?.success();
        crate::interrupt::point("fetched");
        match settled {
            Ok(base) => Ok(Some(base)),
            // What has come is whole: the next run begins with its check.
            Err(error) if is_stop(&error) => Err(error),
            Err(error) if is_there => {
                discard(host, &file);
                Err(error)
            }
            // Another run was faster, or somebody cleared up what nobody had asked for since.
            Err(_) => Ok(None),
        }
    })
}

/// Which of several places gave it.
pub(super) fn note_place(wanted: &Wanted<'_>, report: &str) {
    let place = report.lines().find_map(|line| line.strip_prefix("place="));
    let place = place.and_then(|place| place.parse::<usize>().ok());
    if let Some(url) = place.and_then(|place| wanted.urls.get(place.checked_sub(1)?)) {
        tracing::info!("'{}' came from '{}'", url::shown(wanted.url), url::shown(url));
    }
}

/// The sums of what came, as it came and as it is unpacked.
pub(super) struct Came(Vec<String>);

impl Came {
    /// Reads a script's report.
    pub(super) fn of(report: &str) -> Came {
        let sum = |line: &str| {
            let (key, hex) = line.split_once('=')?;
            let algorithm = key.strip_prefix("plain_").unwrap_or(key);
            ["sha256", "sha512"]
                .contains(&algorithm)
                .then(|| format!("{algorithm}:{hex}"))
        };
        Came(report.lines().filter_map(sum).collect())
    }

    pub(super) fn has(&self, checksum: &Checksum) -> bool {
        self.0.contains(&checksum.to_string())
    }

    /// Refuses another content than a checksum says: that of the file that came, or of the image in it.
    ///
    /// # Errors
    /// `Failed`, with the checksum that it has.
    pub(super) fn hold(&self, checksum: &Checksum, shown: &str) -> Result<()> {
        let name = checksum.algorithm.name();
        let is_of = |sum: &&String| sum.starts_with(name);
        match self.0.iter().find(is_of) {
            _ if self.has(checksum) => Ok(()),
            Some(sum) => locate::hold(checksum, sum.split_once(':').map_or("", |(_, hex)| hex), shown),
            None => bail!("the download's report is cut short"),
        }
    }

    /// The sums, for the seal.
    pub(super) fn text(&self) -> String {
        self.0.join(" ")
    }
}

/// Checks how much came, and gives its sums.
pub(super) fn came(wanted: &Wanted<'_>, report: &str) -> Result<Came> {
    let size = value(report, "size=")?.parse::<u64>()?;
    if let Some(length) = wanted.length.filter(|length| *length != size) {
        bail!(
            Fault::new(
                Exit::Failed,
                format!(
                    "'{}' was to have {length} bytes, and {size} came",
                    url::shown(wanted.url)
                )
            )
            .hint("did it change on the server just now? Run irs again")
        );
    }
    Ok(Came::of(report))
}

/// A value of a script's report.
pub(super) fn value<'a>(report: &'a str, key: &str) -> Result<&'a str> {
    report
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .context("the download's report is cut short")
}

/// Reads what the download's script says of the file.
fn check<'a>(wanted: &Wanted<'_>, report: &str, folder: &'a str, part: String) -> Result<Arrived<'a>> {
    let came = came(wanted, report)?;
    let shown = url::shown(wanted.url);
    if let Some(checksum) = wanted.checksum {
        came.hold(checksum, &shown)?;
    }
    arrived(
        report,
        (folder, part),
        (index_name(wanted.url), shown),
        wanted.must_be,
    )
}

/// What a script says of an image that has arrived, and was unpacked where it was packed.
pub(super) fn arrived<'a>(
    report: &str,
    (folder, part): (&'a str, String),
    (index, shown): (String, String),
    wanted: Option<&str>,
) -> Result<Arrived<'a>> {
    let packed = report.contains("packed=");
    let key = |key: &str| value(report, &format!("{}{key}=", if packed { "plain_" } else { "" }));
    let size = key("size")?.parse::<u64>()?;
    let hex: String = report.lines().filter(|line| !line.contains('=')).collect();
    let header = image::from_hex(&hex);
    let format = image::probe(&header, size, &shown)?;
    let name = must_be(cache_name(key("sha256")?, format), wanted, (folder, &shown))?;
    Ok(Arrived {
        folder,
        part,
        name,
        index: Some(index),
        format,
        size,
        virtual_size: image::virtual_size(&header, size, format),
        shown,
        came: packed.then(|| Came::of(report).text()),
    })
}

/// The name that an image gets, where disks lie over one that it must be.
pub(super) fn must_be(name: String, wanted: Option<&str>, (folder, shown): (&str, &str)) -> Result<String> {
    // Nodes over one that an earlier irs did not convert need it as it was.
    let name = match wanted {
        Some(wanted) if wanted == unconverted(&name) => wanted.to_owned(),
        _ => name,
    };
    if let Some(must_be) = wanted.filter(|must_be| *must_be != name) {
        let message =
            format!("image '{shown}' is another one now than '{folder}/{must_be}', which nodes lie over");
        return Err(Fault::new(Exit::Failed, message)
            .hint("put the file back from elsewhere, or make these nodes anew with --remove-nodes")
            .into());
    }
    Ok(name)
}

/// A download that failed, as curl says it.
fn failure(wanted: &Wanted<'_>, host: &Host, output: &Output) -> anyhow::Error {
    let errors = output.errors();
    let full = errors.contains("No space left on device") || output.status == 23;
    let (exit, hint) = match full {
        true if wanted.getting.via == Via::Client && host.is_local() => (
            Exit::Resources,
            "make room in the user's cache folder of this machine, or name another one by XDG_CACHE_HOME",
        ),
        true => (
            Exit::Resources,
            "make room in the folder of images there, or take another one by --disk-pool",
        ),
        false if output.status == NOT_UNPACKED => (
            Exit::Usage,
            "it was cut short or damaged before it came: is the file on the server whole? Nothing of it was kept",
        ),
        false => (
            Exit::Failed,
            "run irs again: the download goes on where it stopped",
        ),
    };
    let cause = match errors.trim() {
        "" => format!("status {}", output.status),
        errors => places(errors, wanted.urls),
    };
    let shown = url::shown(wanted.url);
    let message = match (output.status == NOT_UNPACKED, wanted.getting.via) {
        (true, _) => format!("the packed base image '{shown}' cannot be unpacked"),
        (_, Via::Hypervisor) => format!("downloading the base image '{shown}' on the hypervisor failed"),
        (_, Via::Client) => format!("downloading the base image '{shown}' on this machine failed"),
    };
    anyhow!(cause).context(Fault::new(exit, message).hint(hint))
}

/// A script's remarks with the places in them, where there are several.
pub(super) fn places(errors: &str, urls: &[String]) -> String {
    let said = |line: &str| {
        let Some((place, why)) = line.strip_prefix("place ").and_then(|rest| rest.split_once(": ")) else {
            return line.to_owned();
        };
        let url = place
            .parse::<usize>()
            .ok()
            .and_then(|place| urls.get(place.checked_sub(1)?));
        match url {
            Some(url) if urls.len() > 1 => format!("{}: {why}", url::shown(url)),
            _ => why.to_owned(),
        }
    };
    let lines: Vec<String> = errors.trim().lines().map(said).collect();
    lines.join("\n")
}
