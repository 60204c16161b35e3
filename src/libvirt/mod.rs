//! A thin wrapper on `virt`: what is not there becomes `None`, what vanished meanwhile is a success.

mod listed;
pub mod sys;

pub use listed::Listed;

use crate::error::{Exit, Fault, FaultContext};
use anyhow::{Context, Result};
use uuid::Uuid;
use virt::connect::Connect;
use virt::domain::Domain;
use virt::enumutil::Enum;
use virt::error::{Error, ErrorNumber};
use virt::network::Network;
use virt::storage_pool::StoragePool;
use virt::storage_vol::StorageVol;
use virt::stream::Stream;

/// A connection to one hypervisor's libvirt.
#[derive(Clone)]
pub struct Libvirt {
    connect: Connect,
}

/// How many calls are under way at once: libvirt takes five of a client.
const CALLS: usize = 5;

/// Asks the same of many things, some at a time: over a long way each call is mostly waiting. The answers are in order.
pub fn of_each<T: Sync, A: Send>(things: &[T], ask: impl Fn(&T) -> A + Sync) -> Vec<A> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let take = || {
        let mut answers = Vec::new();
        while let Some((at, thing)) = {
            let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            things.get(at).map(|thing| (at, thing))
        } {
            answers.push((at, ask(thing)));
        }
        answers
    };
    let mut answers: Vec<(usize, A)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CALLS.min(things.len())).map(|_| scope.spawn(take)).collect();
        let joined = threads.into_iter().map(|thread| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        joined.flatten().collect()
    });
    answers.sort_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Silences libvirt's own printing of errors; call it before anything else.
pub fn quiet() {
    virt::error::clear_error_callback();
}

impl Libvirt {
    /// Opens a URI.
    ///
    /// # Errors
    /// `Unreachable` when libvirt does not answer, or refuses.
    pub fn open(uri: &str, host: &str) -> Result<Libvirt> {
        let connect = Connect::open(Some(uri)).fault(|| {
            Fault::new(Exit::Unreachable, format!("cannot open libvirt on '{host}'"))
                .hint("is libvirtd (or virtqemud) installed and running there, and may this user manage it?")
        })?;
        Ok(Libvirt { connect })
    }

    /// Whether the connection still stands; it does not when the daemon ended, or the way to it.
    pub fn is_alive(&self) -> bool {
        self.connect.is_alive().unwrap_or(false)
    }

    /// The host's UUID as libvirt sees it, and whether libvirt offers guests at all: it finds QEMU when it starts.
    ///
    /// # Errors
    /// When the capabilities cannot be had or read.
    pub fn host(&self) -> Result<(Uuid, bool)> {
        let capabilities = self
            .connect
            .capabilities()
            .context("reading libvirt's capabilities")?;
        let document = roxmltree::Document::parse(&capabilities).context("reading libvirt's capabilities")?;
        let uuid = document
            .descendants()
            .find(|n| n.has_tag_name("uuid"))
            .and_then(|n| n.text())
            .context("libvirt's capabilities have no host UUID")?;
        let uuid = uuid.trim().parse().context("reading the host's UUID")?;
        let mut types = document.descendants().filter(|n| n.has_tag_name("os_type"));
        Ok((uuid, types.any(|n| n.text() == Some("hvm"))))
    }

    /// Whether libvirt offers domains of the type `kvm` on this host's architecture.
    pub fn offers_kvm(&self) -> bool {
        self.connect
            .domain_capabilities(None, None, None, Some("kvm"), 0)
            .is_ok()
    }

    /// The XML of libvirt's capabilities for a domain type, `kvm` or `qemu`.
    ///
    /// # Errors
    /// When libvirt offers no such type.
    pub fn domain_capabilities(&self, virt_type: &str) -> Result<String> {
        Ok(self
            .connect
            .domain_capabilities(None, None, None, Some(virt_type), 0)?)
    }

    /// The XML of libvirt's capabilities for a domain type and a machine type, libvirt's default without one.
    ///
    /// # Errors
    /// When libvirt offers no such type.
    pub fn machine_capabilities(&self, virt_type: &str, machine: Option<&str>) -> Result<String> {
        Ok(self
            .connect
            .domain_capabilities(None, None, machine, Some(virt_type), 0)?)
    }

    /// The machine types of the host's own architecture, short names first.
    ///
    /// # Errors
    /// When the capabilities cannot be had or read.
    pub fn machine_types(&self, virt_type: &str) -> Result<Vec<String>> {
        let own = self.domain_capabilities(virt_type)?;
        let own = roxmltree::Document::parse(&own)?;
        let arch = own
            .descendants()
            .find(|n| n.has_tag_name("arch"))
            .and_then(|n| n.text());
        let capabilities = self
            .connect
            .capabilities()
            .context("reading libvirt's capabilities")?;
        let document = roxmltree::Document::parse(&capabilities).context("reading libvirt's capabilities")?;
        let mut names: Vec<String> = document
            .descendants()
            .filter(|n| n.has_tag_name("arch") && n.attribute("name") == arch)
            .flat_map(|n| n.descendants().filter(|n| n.has_tag_name("machine")))
            .filter_map(|n| n.text().map(str::to_owned))
            .collect();
        names.sort_by_key(|name| (name.len(), name.clone()));
        names.dedup();
        Ok(names)
    }

    /// The CPU models that libvirt knows for x86, or for this host's architecture.
    ///
    /// # Errors
    /// When the call fails.
    pub fn cpu_models(&self) -> Result<Vec<String>> {
        let capabilities = self
            .connect
            .capabilities()
            .context("reading libvirt's capabilities")?;
        let document = roxmltree::Document::parse(&capabilities).context("reading libvirt's capabilities")?;
        let arch = document
            .descendants()
            .find(|n| n.has_tag_name("arch"))
            .and_then(|n| n.text());
        self.connect
            .cpu_models_names(arch.unwrap_or("x86_64"), 0)
            .context("asking libvirt for its CPU models")
    }

    /// Whether libvirt knows a CPU feature; what it cannot tell counts as known.
    pub fn knows_cpu_feature(&self, model: &str, feature: &str) -> bool {
        let template =
            "<cpu><arch>x86_64</arch><model>{{ model }}</model><feature name='{{ feature }}'/></cpu>";
        let Ok(xml) = crate::xml::render(template, crate::xml::values! { model, feature }) else {
            return true;
        };
        match self.connect.compare_cpu(&xml, 0) {
            Ok(_) => true,
            // "unknown CPU feature", in whatever language libvirtd speaks.
            Err(error) => {
                !matches!(error.code(), Enum::Known(ErrorNumber::InternalError))
                    || !error.message().contains(feature)
            }
        }
    }

    /// The domain of that name.
    ///
    /// # Errors
    /// When the call fails for another reason than its absence.
    pub fn domain(&self, name: &str) -> Result<Option<Domain>> {
        present(self.connect.lookup_domain_by_name(name))
            .with_context(|| format!("looking up domain '{name}'"))
    }

    /// The network of that name.
    ///
    /// # Errors
    /// When the call fails for another reason than its absence.
    pub fn network(&self, name: &str) -> Result<Option<Network>> {
        present(self.connect.lookup_network_by_name(name))
            .with_context(|| format!("looking up network '{name}'"))
    }

    /// The pool of that name.
    ///
    /// # Errors
    /// When the call fails for another reason than its absence.
    pub fn pool(&self, name: &str) -> Result<Option<StoragePool>> {
        present(self.connect.lookup_storage_pool_by_name(name))
            .with_context(|| format!("looking up pool '{name}'"))
    }

    /// The volume of that name in a pool.
    ///
    /// # Errors
    /// When the call fails for another reason than its absence.
    pub fn volume(&self, pool: &StoragePool, name: &str) -> Result<Option<StorageVol>> {
        present(pool.lookup_storage_vol_by_name(name)).with_context(|| format!("looking up volume '{name}'"))
    }

    /// The volume of a started pool that is that file.
    ///
    /// # Errors
    /// When the call fails for another reason than its absence.
    pub fn volume_at(&self, path: &str) -> Result<Option<StorageVol>> {
        present(self.connect.lookup_storage_vol_by_path(path))
            .with_context(|| format!("looking for a volume at '{path}'"))
    }

    /// Defines a domain from XML.
    ///
    /// # Errors
    /// When libvirt refuses the XML.
    pub fn define_domain(&self, xml: &str) -> Result<Domain> {
        Ok(self.connect.define_domain_xml(xml)?)
    }

    /// Defines a network from XML.
    ///
    /// # Errors
    /// When libvirt refuses the XML.
    pub fn define_network(&self, xml: &str) -> Result<Network> {
        Ok(self.connect.define_network_xml(xml)?)
    }

    /// Defines a storage pool from XML.
    ///
    /// # Errors
    /// When libvirt refuses the XML.
    pub fn define_pool(&self, xml: &str) -> Result<StoragePool> {
        Ok(self.connect.define_storage_pool_xml(xml, 0)?)
    }

    /// Writes `bytes` into a volume from its beginning.
    ///
    /// # Errors
    /// When the volume is too small or the disk is full.
    pub fn upload(&self, volume: &StorageVol, bytes: &[u8]) -> Result<()> {
        let stream = Stream::new(&self.connect, 0)?;
        volume.upload(&stream, 0, bytes.len() as u64, 0)?;
        let mut rest = bytes;
        while !rest.is_empty() {
            let sent = stream.send(&rest[..rest.len().min(256 * 1024)])?;
            rest = &rest[usize::try_from(sent).unwrap_or(0)..];
        }
        Ok(stream.finish()?)
    }

    /// Opens a domain's first serial console; `force` takes it over from whoever has it.
    ///
    /// # Errors
    /// When somebody else has it, or there is none.
    pub fn console(&self, domain: &Domain, force: bool) -> Result<Stream, Error> {
        let stream = Stream::new(&self.connect, 0)?;
        let force = match force {
            true => virt::sys::VIR_DOMAIN_CONSOLE_FORCE,
            false => 0,
        };
        domain.open_console(None, &stream, virt::sys::VIR_DOMAIN_CONSOLE_SAFE | force)?;
        Ok(stream)
    }
}

/// Makes "there is none" a `None`.
fn present<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_absent(error: &Error) -> bool {
    matches!(
        error.code(),
        Enum::Known(
            ErrorNumber::NoDomain
                | ErrorNumber::NoNetwork
                | ErrorNumber::NoStoragePool
                | ErrorNumber::NoStorageVolume
        )
    )
}

/// Makes "it is gone already" a success, for removals that a dead client may have begun.
///
/// # Errors
/// Every other error, as it is.
pub fn gone(result: Result<(), Error>) -> Result<(), Error> {
    present(result).map(|_| ())
}

/// Makes "it is in that state already" a success: starting what runs, stopping what is stopped. libvirt has one code
/// for that and for much else, so the object is asked: `active` must be `wanted` after all.
///
/// # Errors
/// Every other error, as it is.
pub fn settled(
    result: Result<(), Error>,
    wanted: bool,
    active: impl FnOnce() -> Result<bool, Error>,
) -> Result<(), Error> {
    match result {
        Err(error) if matches!(error.code(), Enum::Known(ErrorNumber::OperationInvalid)) => match active() {
            Ok(now) if now == wanted => Ok(()),
            _ => Err(error),
        },
        Err(error) if is_absent(&error) && !wanted => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::of_each;
    use std::sync::Mutex;

    #[test]
    fn each_is_asked_once_and_the_answers_are_in_order() {
        let asked = Mutex::new(Vec::new());
        let things: Vec<u32> = (0..100).collect();
        let answers = of_each(&things, |thing| {
            // The first is the slowest.
            std::thread::sleep(std::time::Duration::from_micros(u64::from(100 - thing)));
            asked.lock().unwrap().push(*thing);
            thing * 2
        });
        assert_eq!(answers, things.iter().map(|thing| thing * 2).collect::<Vec<_>>());
        let mut asked = asked.into_inner().unwrap();
        asked.sort_unstable();
        assert_eq!(asked, things);
        assert!(of_each(&[0; 0], |_| ()).is_empty());
    }
}
