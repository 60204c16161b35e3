//! Whether the base image is in the cache, and what is needed when it is not.

use super::{Base, Located, Work, cache_name, index_name};
use crate::deployment::{ImageSource, Storage};
use crate::error::{Exit, Fault, FaultContext};
use crate::image::{self, Format};
use crate::remote::{Cmd, Host};
use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Finds the base image; changes nothing.
///
/// # Errors
/// `Usage` for a local file that is no usable image; a failed look at the server of a URL.
pub fn locate(host: &Host, source: &ImageSource, storage: &Storage, force: bool) -> Result<Located> {
    match source {
        ImageSource::Url(url) => locate_url(host, url, storage, force),
        ImageSource::File(file) => locate_file(host, file, storage, force),
    }
}

fn locate_url(host: &Host, url: &str, storage: &Storage, force: bool) -> Result<Located> {
    if !force {
        let cmd = Cmd::script(
            r#"name=$(cat -- "$1/$2" 2>/dev/null) && case $name in irs-base-*) [ -s "$1/$name" ] && printf %s "$name";; esac; true"#,
            &[storage.folder.as_str(), &index_name(url)],
        );
        let name = host.text(&cmd).context("looking into the cache of base images")?;
        if let Some(base) = base_of(storage, name.trim()) {
            return Ok(Located::Cached(base));
        }
    }
    let head = Cmd::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--location",
            "--fail",
            "--head",
            "--max-time",
            "60",
        ])
        .args([
            "--proto",
            "=http,https",
            "--write-out",
            "\nlength=%header{content-length}\n",
            "--",
            url,
        ]);
    let output = host.text(&head).fault(|| {
        Fault::new(
            Exit::Failed,
            format!("the hypervisor cannot fetch the base image '{url}'"),
        )
        .hint("is the URL right, and can the hypervisor reach it? '--image-url FILE' uploads a local image")
    })?;
    let size = output.lines().filter_map(content_length).next_back();
    Ok(Located::Missing(Work::Download {
        url: url.to_owned(),
        size,
    }))
}

/// The length in a header line; the last one is that of the final answer after redirects.
fn content_length(line: &str) -> Option<u64> {
    let (key, value) = line.split_once(':')?;
    key.eq_ignore_ascii_case("content-length")
        .then(|| value.trim().parse().ok())?
}

fn base_of(storage: &Storage, name: &str) -> Option<Base> {
    let format = Format::of_name(name.rsplit_once('.')?.1)?;
    Some(Base {
        path: format!("{}/{name}", storage.folder.trim_end_matches('/')),
        format,
    })
}

fn locate_file(host: &Host, file: &Path, storage: &Storage, force: bool) -> Result<Located> {
    let shown = file.display().to_string();
    let (format, size, digest) = inspect(file)?;
    let name = cache_name(&digest, format);
    let cmd = Cmd::script(
        r#"stat -c %s -- "$1/$2" 2>/dev/null || true"#,
        &[storage.folder.as_str(), &name],
    );
    let cached = host.text(&cmd).context("looking into the cache of base images")?;
    if !force && cached.trim() == size.to_string() {
        return base_of(storage, &name)
            .map(Located::Cached)
            .with_context(|| format!("naming '{shown}'"));
    }
    Ok(Located::Missing(Work::Upload {
        file: file.to_owned(),
        size,
        name,
    }))
}

/// Probes and hashes a local image.
fn inspect(file: &Path) -> Result<(Format, u64, String)> {
    let shown = file.display();
    let mut open = File::open(file).fault(|| {
        Fault::new(Exit::Usage, format!("cannot read the base image '{shown}'"))
            .hint("--image-url takes an http(s) URL or a file of this machine")
    })?;
    if !open.metadata()?.is_file() {
        bail!(Fault::new(
            Exit::Usage,
            format!("the base image '{shown}' is not a file")
        ));
    }
    let size = open.metadata()?.len();
    let mut buffer = vec![0; 1 << 20];
    let mut hash = Sha256::new();
    let mut header = Vec::new();
    loop {
        let count = open
            .read(&mut buffer)
            .with_context(|| format!("reading '{shown}'"))?;
        if count == 0 {
            break;
        }
        if header.len() < image::HEADER {
            let missing = image::HEADER - header.len();
            header.extend_from_slice(&buffer[..count.min(missing)]);
            if header.len() == image::HEADER {
                image::probe(&header, size, &shown.to_string())?;
            }
        }
        hash.update(&buffer[..count]);
    }
    let format = image::probe(&header, size, &shown.to_string())?;
    let digest = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((format, size, digest))
}
