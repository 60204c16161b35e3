//! Whether the base image is in the cache, and what is needed when it is not.

use super::getting::Getting;
use super::settle::sealing;
use super::{Base, Located, Work, cache_name, index_name, look, packed, sums, unconverted};
use crate::checksum::{Algorithm, Checksum};
use crate::deployment::{ImageSource, Storage};
use crate::error::{Exit, Fault, FaultContext};
use crate::image::{self, Format};
use crate::packed::Packing;
use crate::remote::{Cmd, Host};
use crate::url;
use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What is wanted of an image besides.
pub struct Wish<'a> {
    /// Fetch it again, though it is in the cache.
    pub force: bool,
    /// What its content must be, as the flag says it.
    pub checksum: Option<Checksum>,
    /// How it is fetched.
    pub getting: &'a Getting,
}

/// Finds the base image; changes nothing. `inspected` is a local file's, when somebody had the time to look before.
///
/// # Errors
/// `Usage` for a local file that is no usable image; a failed look at the server of a URL.
pub fn locate(
    host: &Host,
    source: &ImageSource,
    storage: &Storage,
    wish: &Wish<'_>,
    inspected: Option<Result<Inspected>>,
) -> Result<Located> {
    let Wish {
        force, ref checksum, ..
    } = *wish;
    match source {
        ImageSource::Url(_) | ImageSource::Named(_) => locate_url(host, source, storage, wish),
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
        format!("image '{shown}' is not the one that its checksum names: it has {name}:{digest}"),
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

fn locate_url(host: &Host, source: &ImageSource, storage: &Storage, wish: &Wish<'_>) -> Result<Located> {
    let places = wish.getting.places(host, source)?;
    let places = places.context("an image without a URL is a file")?;
    let (base, seen) = cached_url(host, storage, &places.url)?;
    if let Some(base) = base.filter(|_| !wish.force)
        && is_that(host, &base, wish.checksum.as_ref())?
    {
        return Ok(Located::Cached(base));
    }
    // What the catalogue's file of sums says now is said of what the server has now, not of what was fetched long ago.
    let mut unchecked = None;
    let checksum = match (&wish.checksum, &places.checksum) {
        (None, Some(said)) => match (sums::of_places(host, said, &places, wish.getting), source) {
            (Ok(checksum), _) => Some(checksum),
            // Whoever gives a URL has not asked for it.
            (Err(error), ImageSource::Url(_)) => {
                unchecked = Some(format!("{error:#}"));
                None
            }
            (Err(error), _) => return Err(error),
        },
        (said, _) => said.clone(),
    };
    let asked = look::Asked {
        source,
        places,
        checksum,
        seen,
        getting: wish.getting,
    };
    let shown = url::shown(&asked.places.url);
    let work = look::look(host, asked)?;
    if let Some(why) = unchecked {
        tracing::warn!("'{shown}' is fetched without a checksum: {why}");
    }
    Ok(Located::Missing(work))
}

/// Whether an image in the cache has that checksum: what the URL had when it was fetched may be another one.
///
/// # Errors
/// The hypervisor's.
pub(super) fn is_that(host: &Host, base: &Base, checksum: Option<&Checksum>) -> Result<bool> {
    let Some(checksum) = checksum else { return Ok(true) };
    let program = format!("{}sum", checksum.algorithm.name());
    let sum = host.text(&Cmd::new(program).args(["--", &base.path]))?;
    if sum.trim_start_matches('\\').starts_with(&checksum.hex) {
        return Ok(true);
    }
    // The packed file that it was in.
    let came = Cmd::script(
        r#"sed -n 's/^came //p' -- "$1.seal" 2>/dev/null | tr ' ' '\n' | grep -qxF -e "$2""#,
        &[&base.path, &checksum.to_string()],
    );
    Ok(host.run(&came)?.success())
}

/// The image in the cache that a URL had when it was fetched last, and the state of the file that says so.
///
/// # Errors
/// The hypervisor's.
pub fn cached_url(host: &Host, storage: &Storage, url: &str) -> Result<(Option<Base>, String)> {
    cached_by(host, storage, &index_name(url))
}

fn cached_by(host: &Host, storage: &Storage, index: &str) -> Result<(Option<Base>, String)> {
    // The state first: what is written between the two is then taken for new.
    let cmd = Cmd::script(
        r#"stat -c '%i %y' -- "$1/$2" 2>/dev/null || echo; cat -- "$1/$2" 2>/dev/null || true"#,
        &[&storage.folder, index],
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
        packing,
    } = inspected;
    if let Some(packing) = packing {
        let index = packed::index_name(&sha256);
        let (base, _) = cached_by(host, storage, &index)?;
        if let Some(base) = base.filter(|_| !force) {
            return Ok(Located::Cached(base));
        }
        packed::check_program(host, packing, &file.display().to_string())?;
        return Ok(Located::Missing(Work::Unpack {
            file: file.to_owned(),
            packing,
            sha256,
            size,
            virtual_size: (virtual_size > 0).then_some(virtual_size),
            must_be: None,
        }));
    }
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
    /// Its format; not yet known of a packed one.
    pub(super) format: Format,
    /// Bytes.
    pub(super) size: u64,
    /// The size of the disk in it; 0 when it is packed, and this machine cannot look into it.
    pub(super) virtual_size: u64,
    /// Of the file as it is.
    pub(super) sha256: String,
    /// How it is packed, when it is.
    pub(super) packing: Option<Packing>,
}

/// Probes and hashes a local image.
///
/// # Errors
/// `Usage` for a file that is no usable image.
pub fn inspect(file: &Path) -> Result<Inspected> {
    let shown = file.display();
    let unreadable = || {
        Fault::new(Exit::Usage, format!("cannot read the base image '{shown}'"))
            .hint("--image-url takes an http(s) URL, a file of this machine, or a name that 'irs topology images' shows")
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
    let packing = Packing::of(&header);
    let (format, virtual_size) = match packing {
        None => {
            let format = image::probe(&header, size, &shown.to_string())?;
            (format, image::virtual_size(&header, size, format))
        }
        // As far as this machine can look into it; the hypervisor does it again.
        Some(packing) => match crate::packed::beginning(file, packing, image::HEADER as u64) {
            Some(begin) => image::probe_beginning(&begin, None, &shown.to_string())?,
            None => (Format::Raw, 0),
        },
    };
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
        virtual_size,
        sha256,
        packing,
    })
}

#[cfg(test)]
mod tests {
    use super::inspect;

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
}
