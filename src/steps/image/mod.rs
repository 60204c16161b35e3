//! Step 3: the base image, in a cache that all deployments of a hypervisor share.

pub mod apply;
pub mod cache;
pub mod customize;
mod download;
pub mod getting;
pub mod hold;
#[cfg(test)]
mod hostile_tests;
pub mod locate;
mod look;
pub mod lost;
mod named;
mod packed;
mod relay;
pub mod room;
pub mod settle;
pub mod sums;
pub mod take_out;
#[cfg(test)]
mod tests;
pub mod usage;
pub mod whole;

use crate::checksum::Checksum;
use crate::deployment::{Disk, ImageSource};
use crate::error::{Exit, Fault};
use crate::image::Format;
use crate::packed::Packing;
use crate::plan::{Action, Kind, Verb};
use crate::steps::Step;
use crate::units::format_size;
use anyhow::Result;
use getting::Getting;
use std::path::PathBuf;
use std::sync::Arc;

/// What can happen to the base image.
#[derive(Clone, Debug)]
pub enum Work {
    /// It is fetched.
    Download {
        /// The image that it is.
        source: ImageSource,
        /// What names it in the cache, http or https.
        url: String,
        /// Where it is to be had, in the order in which they are tried.
        urls: Vec<String>,
        /// How.
        getting: Arc<Getting>,
        /// What its content must be.
        checksum: Option<Checksum>,
        /// The state of its index file when the cache was looked at: another one means that another run fetched it since.
        seen: String,
        /// Bytes, when the server says it.
        size: Option<u64>,
        /// The size of the disk in it, in bytes, when its beginning says it.
        virtual_size: Option<u64>,
        /// The name in the cache that its content must give it, where disks lie over that name.
        must_be: Option<String>,
        /// Whether the server leads on to another place by http.
        astray: bool,
    },
    /// The client sends a packed one, which is unpacked there.
    Unpack {
        /// The client's file.
        file: PathBuf,
        /// What unpacks it.
        packing: Packing,
        /// Its SHA-256, as it is packed.
        sha256: String,
        /// Bytes.
        size: u64,
        /// The size of the disk in it, in bytes, when its beginning says it.
        virtual_size: Option<u64>,
        /// The name in the cache that its content must give it, where disks lie over that name.
        must_be: Option<String>,
    },
    /// The client sends it.
    Upload {
        /// The client's file.
        file: PathBuf,
        /// The size of the disk in it, in bytes.
        virtual_size: u64,
        /// Bytes.
        size: u64,
        /// The file's name in the cache.
        name: String,
    },
}

impl Work {
    /// The image that it brings.
    pub fn source(&self) -> ImageSource {
        match self {
            Work::Download { source, .. } => source.clone(),
            Work::Upload { file, .. } | Work::Unpack { file, .. } => ImageSource::File(file.clone()),
        }
    }
}

/// The base image under the nodes' overlays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// Path on the hypervisor.
    pub path: String,
    /// Its format.
    pub format: Format,
    /// The size of the disk in it, in bytes.
    pub virtual_size: u64,
}

impl Base {
    /// Its name in the cache.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// An overlay smaller than its base would cut the disk's end off.
    ///
    /// # Errors
    /// `Usage`, when the image's disk is larger than the node's.
    pub fn check_fits(virtual_size: u64, disk: &Disk) -> Result<()> {
        if virtual_size <= disk.size {
            return Ok(());
        }
        let fault = Fault::new(
            Exit::Usage,
            format!(
                "the base image's disk has {}, more than the {} of '{}'",
                format_size(virtual_size),
                format_size(disk.size),
                disk.volume
            ),
        );
        Err(fault
            .hint("make the node's disk larger, e.g. -e override.TYPE.disks.disk1.size=20G")
            .into())
    }
}

/// Where the base image is, or how it gets there.
#[derive(Clone, Debug)]
pub enum Located {
    /// In the cache.
    Cached(Base),
    /// To be fetched or sent.
    Missing(Work),
}

impl Located {
    /// Bytes that it will take on the hypervisor.
    pub fn size(&self) -> u64 {
        match self {
            Located::Cached(_) => 0,
            Located::Missing(Work::Download { size, .. }) => size.unwrap_or(0),
            Located::Missing(Work::Upload { size, .. } | Work::Unpack { size, .. }) => *size,
        }
    }

    /// The size of the disk in it, in bytes, when it is known before the transfer.
    pub fn virtual_size(&self) -> Option<u64> {
        match self {
            Located::Cached(base) => Some(base.virtual_size),
            Located::Missing(Work::Upload { virtual_size, .. }) => Some(*virtual_size),
            Located::Missing(Work::Download { virtual_size, .. } | Work::Unpack { virtual_size, .. }) => {
                *virtual_size
            }
        }
    }

    /// What to say of a download that anybody on the way could exchange.
    pub fn unprotected(&self) -> Option<String> {
        let Located::Missing(Work::Download {
            url: first,
            urls,
            checksum: None,
            astray,
            ..
        }) = self
        else {
            return None;
        };
        let is_plain = |url: &&String| !url.to_ascii_lowercase().starts_with("https://");
        let (url, how) = match urls.iter().find(is_plain) {
            Some(url) => (url, ""),
            None if *astray => (first, ", which its server leads to"),
            None => return None,
        };
        Some(format!(
            "image '{}' comes over http{how}: whoever sits on the way can send another one",
            crate::url::shown(url)
        ))
    }

    /// The action that brings it into the cache; `lost` says which lost one it brings back.
    pub fn actions(&self, host: &str, forced: bool, lost: &dyn Fn(&Work) -> Option<String>) -> Vec<Action> {
        let Located::Missing(work) = self else {
            return Vec::new();
        };
        let name = match work {
            Work::Download { url, .. } => crate::url::shown(url),
            Work::Upload { file, .. } | Work::Unpack { file, .. } => file.display().to_string(),
        };
        let reason = match lost(work) {
            Some(reason) => reason,
            None if forced => "--force-image-download asks for it".to_owned(),
            None => "it is not in the cache of base images".to_owned(),
        };
        vec![Action::new(
            Step::Image,
            Verb::Create,
            Kind::Image,
            &name,
            host,
            reason,
            work.clone(),
        )]
    }
}

/// The name of a base image in the cache: by the content that came, also where it is converted: what qemu-img makes of it
/// differs from version to version.
pub fn cache_name(sha256: &str, format: Format) -> String {
    let converted = match format {
        Format::Raw | Format::Qcow2 => "",
        Format::Qed | Format::Vmdk => ".qcow2",
    };
    format!("irs-base-{}.{}{converted}", content(sha256), format.name())
}

/// The format that an image of that name came in, when it was converted to qcow2.
pub fn converted_from(name: &str) -> Option<Format> {
    let (_, format) = name.strip_suffix(".qcow2")?.rsplit_once('.')?;
    Format::of_name(format)
}

/// The name that the same content had before irs converted images of its format.
pub fn unconverted(name: &str) -> &str {
    match converted_from(name) {
        Some(_) => name.strip_suffix(".qcow2").unwrap_or(name),
        None => name,
    }
}

/// What of a hash stands in a name: so much that nobody can make two images with one name.
fn content(sha256: &str) -> &str {
    sha256.get(..32).unwrap_or(sha256)
}

/// The small file that says which content a URL had.
pub fn index_name(url: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(url.as_bytes());
    let hash: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("irs-url-{hash}")
}
