//! Whether the base image is in the cache, and what is needed when it is not.

use super::settle::sealing;
use super::{Base, Located, Work, cache_name, index_name, unconverted};
use crate::checksum::{Algorithm, Checksum};
use crate::deployment::{ImageSource, Storage};
use crate::error::{Exit, Fault, FaultContext};
use crate::image::{self, Format};
use crate::remote::{Cmd, Host};
use crate::url;
use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Finds the base image; changes nothing. `inspected` is a local file's, when somebody had the time to look before.
///
/// # Errors
/// `Usage` for a local file that is no usable image; a failed look at the server of a URL.
pub fn locate(
    host: &Host,
    source: &ImageSource,
    storage: &Storage,
    (force, checksum): (bool, Option<&Checksum>),
    inspected: Option<Result<Inspected>>,
) -> Result<Located> {
    match source {
        ImageSource::Url(url) => locate_url(host, url, storage, force, checksum),
        ImageSource::File(file) => {
            let inspected = inspected.unwrap_or_else(|| inspect(file))?;
            if let Some(checksum) = checksum {
                let shown = file.display().to_string();
                match checksum.algorithm {
                    Algorithm::Sha256 => hold(checksum, &inspected.sha256, &shown)?,
                    Algorithm::Sha512 => hold(checksum, &sha512(file)?, &shown)?,
                }
            }
            locate_file(host, file, storage, force, inspected)
        }
    }
}

/// Refuses an image of another content than `--image-checksum` says.
///
/// # Errors
/// `Failed`, with the checksum that it has.
pub(super) fn hold(checksum: &Checksum, digest: &str, shown: &str) -> Result<()> {
    if checksum.hex == digest {
        return Ok(());
    }
    let name = checksum.algorithm.name();
    let fault = Fault::new(
        Exit::Failed,
        format!("image '{shown}' is not the one that --image-checksum names: it has {name}:{digest}"),
    );
    Err(fault
        .hint("is the checksum of this very file, and the server to be trusted? Nothing of it was kept")
        .into())
}

fn sha512(file: &Path) -> Result<String> {
    let mut hash = sha2::Sha512::new();
    let reading = || format!("reading '{}'", file.display());
    std::io::copy(&mut File::open(file).with_context(reading)?, &mut hash).with_context(reading)?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn locate_url(
    host: &Host,
    url: &str,
    storage: &Storage,
    force: bool,
    checksum: Option<&Checksum>,
) -> Result<Located> {
    let (base, seen) = cached_url(host, storage, url)?;
    if let Some(base) = base.filter(|_| !force)
        && is_that(host, &base, checksum)?
    {
        return Ok(Located::Cached(base));
    }
    Ok(Located::Missing(look(host, url, checksum, seen)?))
}

/// Whether an image in the cache has that checksum: what the URL had when it was fetched may be another one.
///
/// # Errors
/// The hypervisor's.
pub(super) fn is_that(host: &Host, base: &Base, checksum: Option<&Checksum>) -> Result<bool> {
    let Some(checksum) = checksum else { return Ok(true) };
    let program = format!("{}sum", checksum.algorithm.name());
    let sum = host.text(&Cmd::new(program).args(["--", &base.path]))?;
    Ok(sum.trim_start_matches('\\').starts_with(&checksum.hex))
}

/// The image in the cache that a URL had when it was fetched last, and the state of the file that says so.
///
/// # Errors
/// The hypervisor's.
pub fn cached_url(host: &Host, storage: &Storage, url: &str) -> Result<(Option<Base>, String)> {
    // The state first: what is written between the two is then taken for new.
    let cmd = Cmd::script(
        r#"stat -c '%i %y' -- "$1/$2" 2>/dev/null || echo; cat -- "$1/$2" 2>/dev/null || true"#,
        &[&storage.folder, &index_name(url)],
    );
    let text = host.text(&cmd).context("looking into the cache of base images")?;
    let (state, name) = text.split_once('\n').unwrap_or_default();
    Ok((cached(host, storage, name.trim())?, state.to_owned()))
}

/// The image in the cache that an index file names.
///
/// # Errors
/// The hypervisor's.
pub(super) fn named(host: &Host, storage: &Storage, index: &str) -> Result<Option<Base>> {
    let cmd = Cmd::script("cat -- \"$1/$2\" 2>/dev/null || true", &[&storage.folder, index]);
    let name = host.text(&cmd).context("looking into the cache of base images")?;
    cached(host, storage, name.trim())
}

/// Probes the beginning of a remote image before anything is made for it.
fn look(host: &Host, url: &str, checksum: Option<&Checksum>, seen: String) -> Result<Work> {
    let shown = url::shown(url);
    let cmd = Cmd::script(include_str!("look.sh"), &[]).stdin(url::curl_line(url));
    let text = host.text(&cmd).fault(|| {
        Fault::new(
            Exit::Failed,
            format!("the hypervisor cannot fetch the base image '{shown}'"),
        )
        .hint("is the URL right, and can the hypervisor reach it? '--image-url FILE' uploads a local image")
    })?;
    let (headers, hex): (Vec<&str>, Vec<&str>) = text
        .lines()
        .partition(|line| line.contains(':') || line.starts_with("HTTP/"));
    let size = total_size(&headers);
    let header = image::from_hex(&hex.join(" "));
    // Without a size the probe must not stumble over it; the download is probed again as a whole.
    let format = image::probe(&header, size.unwrap_or(image::HEADER as u64), &shown)?;
    let virtual_size = match format {
        Format::Raw => size,
        _ => Some(image::virtual_size(&header, 0, format)),
    };
    Ok(Work::Download {
        url: url.to_owned(),
        checksum: checksum.cloned(),
        seen,
        size,
        virtual_size,
        must_be: None,
    })
}

/// The size of the whole resource; the last answer after redirects counts.
fn total_size(headers: &[&str]) -> Option<u64> {
    let begin = headers.iter().rposition(|line| line.starts_with("HTTP/"))?;
    let value = |name: &str| {
        headers[begin..]
            .iter()
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    };
    match value("content-range") {
        Some(range) => range.rsplit_once('/')?.1.parse().ok(),
        None => value("content-length")?.parse().ok(),
    }
}

/// The image of that name in the cache, when it is whole enough to have a header.
fn cached(host: &Host, storage: &Storage, name: &str) -> Result<Option<Base>> {
    let suffix = name
        .strip_prefix("irs-base-")
        .and_then(|rest| rest.rsplit_once('.'))
        .map(|(_, suffix)| suffix);
    let Some(format) = suffix.and_then(Format::of_name).filter(|_| !name.contains('/')) else {
        return Ok(None);
    };
    let path = format!("{}/{name}", storage.folder.trim_end_matches('/'));
    let cmd = Cmd::script(
        &sealing(
            r#"# Looks at an image in the cache
[ -s "$1" ] || exit 0
[ "$(seal_state "$1")" = good ] || { echo damaged; exit 0; }
stat -c %s -- "$1"; od -An -v -tx1 -N 64 -- "$1""#,
        ),
        &[&path],
    );
    let text = host.text(&cmd).context("looking into the cache of base images")?;
    if text.trim() == "damaged" {
        tracing::warn!("'{path}' was changed or cut short since it was placed: the image is brought anew");
        return Ok(None);
    }
    let Some((length, header)) = text.split_once('\n') else {
        return Ok(None);
    };
    let length = length
        .trim()
        .parse()
        .context("reading the size of a cached image")?;
    let header = image::from_hex(header);
    if !image::begins_as(&header, format) {
        tracing::warn!(
            "'{path}' is no {} image any more: the image is brought anew",
            format.name()
        );
        return Ok(None);
    }
    let virtual_size = image::virtual_size(&header, length, format);
    Ok((virtual_size > 0).then_some(Base {
        path,
        format,
        virtual_size,
    }))
}

fn locate_file(
    host: &Host,
    file: &Path,
    storage: &Storage,
    force: bool,
    inspected: Inspected,
) -> Result<Located> {
    let Inspected {
        format,
        size,
        virtual_size,
        sha256,
    } = inspected;
    let name = cache_name(&sha256, format);
    let mut base = cached(host, storage, &name)?;
    // What an earlier irs took as it came is good as it is.
    if base.is_none() && unconverted(&name) != name {
        base = cached(host, storage, unconverted(&name))?;
    }
    Ok(match base.filter(|_| !force) {
        Some(base) => Located::Cached(base),
        None => Located::Missing(Work::Upload {
            file: file.to_owned(),
            virtual_size,
            size,
            name,
        }),
    })
}

/// What a local image is.
pub struct Inspected {
    format: Format,
    size: u64,
    virtual_size: u64,
    sha256: String,
}

/// Probes and hashes a local image.
///
/// # Errors
/// `Usage` for a file that is no usable image.
pub fn inspect(file: &Path) -> Result<Inspected> {
    let shown = file.display();
    let unreadable = || {
        Fault::new(Exit::Usage, format!("cannot read the base image '{shown}'"))
            .hint("--image-url takes an http(s) URL or a file of this machine")
    };
    // Before it is opened: a named pipe would wait for its writer.
    if !std::fs::metadata(file).fault(unreadable)?.is_file() {
        bail!(Fault::new(
            Exit::Usage,
            format!("the base image '{shown}' is not a file")
        ));
    }
    let mut open = File::open(file).fault(unreadable)?;
    let size = open.metadata()?.len();
    let reading = || format!("reading '{shown}'");
    let mut header = Vec::new();
    (&mut open)
        .take(image::HEADER as u64)
        .read_to_end(&mut header)
        .with_context(reading)?;
    let format = image::probe(&header, size, &shown.to_string())?;
    let mut hash = Sha256::new_with_prefix(&header);
    let mut buffer = vec![0; 1 << 20];
    loop {
        match open.read(&mut buffer).with_context(reading)? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Inspected {
        format,
        size,
        virtual_size: image::virtual_size(&header, size, format),
        sha256,
    })
}

#[cfg(test)]
mod tests {
    use super::{inspect, total_size};

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, 0o600.into()).unwrap();
        for path in [pipe.as_path(), dir.path(), std::path::Path::new("/dev/zero")] {
            let error = inspect(path).err().unwrap();
            assert!(error.to_string().ends_with("is not a file"), "{error:#}");
        }
    }

    #[test]
    fn the_last_answer_says_the_size() {
        let redirected = [
            "HTTP/1.1 302 Found",
            "Content-Length: 0",
            "HTTP/1.1 206 Partial Content",
            "Content-Length: 65536",
            "Content-Range: bytes 0-65535/141426688",
        ];
        assert_eq!(total_size(&redirected), Some(141_426_688));
        assert_eq!(total_size(&["HTTP/2 200", "content-length: 99"]), Some(99));
        assert_eq!(
            total_size(&["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"]),
            None
        );
    }
}
