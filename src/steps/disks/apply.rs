//! Making and deleting volumes.

use super::{Materials, Seed, Work};
use crate::deployment::{Disk, Home};
use crate::error::{Exit, Fault};
use crate::keys;
use crate::libvirt::{Libvirt, gone, settled};
use crate::remote::{Cmd, Ended, Host, Job};
use crate::seed;
use crate::steps::host::record::Record;
use crate::steps::host::with_open_folder;
use crate::steps::image::Base;
use crate::topology::disk::Preallocation;
use crate::xml::{self, values};
use anyhow::{Context, Result};
use virt::enumutil::Enum;
use virt::error::ErrorNumber;
use virt::storage_pool::StoragePool;
use virt::storage_vol::StorageVol;

/// Does one action in the deployment's pool, or in its `folder`.
///
/// # Errors
/// libvirt's, e.g. a full disk, with the volume's name.
pub fn apply(
    work: &Work,
    (libvirt, host): (&Libvirt, &Host),
    (pool, folder): (&str, &str),
    record: Option<&Record>,
    materials: &Materials,
) -> Result<()> {
    match work {
        Work::Disk { disk, customize } => {
            let base = disk
                .image
                .as_ref()
                .map(|image| {
                    materials
                        .base(image, *customize)
                        .context("its image is not in the cache")
                })
                .transpose()?;
            if let Some(base) = base {
                Base::check_fits(base.virtual_size, disk)?;
            }
            let copied = base.is_some() && !disk.is_overlay();
            if copied || disk.home != Home::Pool {
                return make_file(host, folder, disk, base);
            }
            make_volume(&pool_of(libvirt, pool)?, disk, base)
        }
        Work::Grow { node, disk } => grow(libvirt, host, node, disk, folder),
        Work::Seed(seed) => {
            let record = record.context("the deployment has no record")?;
            make_seed(libvirt, &pool_of(libvirt, pool)?, seed, record, materials)
        }
        Work::RemoveFile(path) => remove_file(host, path),
        Work::RemoveStored(path) => {
            // libvirt then knows that its pool has it no more.
            if let Some(volume) = libvirt.volume_at(path)? {
                gone(volume.delete(0))?;
            }
            host.text(&Cmd::script(include_str!("remove.sh"), &[path, ""]))?;
            Ok(())
        }
        Work::Remove { pool, name } => {
            let Some(pool) = libvirt.pool(pool)? else {
                return Ok(());
            };
            if !pool.is_active()? {
                settled(pool.create(0), true, || pool.is_active()).context("starting its pool")?;
            }
            match libvirt.volume(&pool, name)? {
                Some(volume) => Ok(gone(volume.delete(0))?),
                None => Ok(()),
            }
        }
    }
}

/// Removes a disk outside of the pool, with what a killed run left of it and the folders that irs made for it.
///
/// # Errors
/// When the command fails.
pub fn remove_file(host: &Host, path: &str) -> Result<()> {
    host.text(&Cmd::script(include_str!("remove.sh"), &[path, "parts"]))?;
    Ok(())
}

fn pool_of(libvirt: &Libvirt, name: &str) -> Result<StoragePool> {
    libvirt
        .pool(name)?
        .with_context(|| format!("the pool '{name}' is gone"))
}

/// A disk that libvirt cannot make, as a copy, or that is not in its pool.
fn make_file(host: &Host, folder: &str, disk: &Disk, base: Option<&Base>) -> Result<()> {
    let (path, folder_of_all) = (disk.path(folder), folder);
    let (folder, name) = path.rsplit_once('/').context("a disk's path is absolute")?;
    let how = match base {
        None => "blank",
        Some(_) if disk.is_overlay() => "overlay",
        Some(_) => "copy",
    };
    let size = disk.size.to_string();
    let (base, format) = base.map_or(("", ""), |base| (base.path.as_str(), base.format.name()));
    let arguments = [
        folder,
        name,
        &size,
        disk.preallocation.as_str(),
        how,
        base,
        format,
    ];
    // To copy an image or to fill a disk may take minutes.
    let part = format!("{path}.part");
    let script = with_open_folder(include_str!("make.sh"));
    long(host, folder_of_all, &script, &arguments, &part)
}

/// Runs a script that may take long, for the deployment whose pool has the folder `purpose`.
fn long(host: &Host, purpose: &str, script: &str, args: &[&str], file: &str) -> Result<()> {
    let job = Job {
        purpose,
        script,
        args,
        stdin: "",
        file,
        kept: false,
    };
    if let Ended::Done(output) = host.job(&job, &|_| Ok(()))? {
        output.check(&Cmd::script(script, args), host.name())?;
    }
    Ok(())
}

/// An overlay is grown to the disk's size by libvirt; a smaller base image keeps its own partitions for cloud-init to grow.
fn make_volume(pool: &StoragePool, disk: &Disk, base: Option<&Base>) -> Result<()> {
    let full = disk.preallocation.is_full();
    // A quarter of the time and of the space that the tables of 64 KiB clusters take.
    let cluster_kib = (base.is_none() && disk.preallocation == Preallocation::Metadata).then_some(512);
    // An overlay has nothing to preallocate: qemu-img refuses it, and it serves what 'metadata' was for.
    let flags = match disk.preallocation {
        // With all of the space allocated libvirt makes that 'falloc': real space either way.
        Preallocation::Metadata | Preallocation::Falloc | Preallocation::Full if base.is_none() => {
            virt::sys::VIR_STORAGE_VOL_CREATE_PREALLOC_METADATA
        }
        _ => 0,
    };
    let xml = xml::render(
        include_str!("volume.xml"),
        values! {
            name => disk.volume,
            capacity => disk.size,
            allocation => if full { Some(disk.size) } else { Some(0) },
            format => "qcow2",
            cluster_kib,
            backing => base.map(|base| values! { path => base.path, format => base.format.name() }),
        },
    )?;
    create(pool, &xml, flags).map(|_| ())
}

/// The emulator makes the disk of a running node larger, else qemu-img does; data stays where it is.
fn grow(libvirt: &Libvirt, host: &Host, node: &str, disk: &Disk, folder: &str) -> Result<()> {
    let path = disk.path(folder);
    if let Some(domain) = libvirt.domain(node)?
        && domain.is_active()?
    {
        return Ok(domain.block_resize(&path, disk.size, virt::sys::VIR_DOMAIN_BLOCK_RESIZE_BYTES)?);
    }
    let how = match disk.preallocation {
        preallocation if preallocation.is_full() => preallocation.as_str(),
        _ => "off",
    };
    let how = format!("--preallocation={how}");
    let size = disk.size.to_string();
    const RESIZE: &str =
        "# Makes a disk larger: how, path, bytes\nexec qemu-img resize -q -f qcow2 \"$1\" -- \"$2\" \"$3\"";
    long(host, folder, RESIZE, &[&how, &path, &size], "")
}

fn make_seed(
    libvirt: &Libvirt,
    pool: &StoragePool,
    seed: &Seed,
    record: &Record,
    materials: &Materials,
) -> Result<()> {
    let node = &seed.node;
    let key = keys::from_seed(record.host_key_seed(&node.name), &node.name)?;
    let nics: Vec<seed::SeedNic> = node
        .nics
        .iter()
        .enumerate()
        .map(|(position, nic)| seed::SeedNic {
            mac: nic.mac.to_string(),
            dhcp4: nic.dhcp4,
            addresses: nic.told.clone(),
            gateways: nic.gateways.clone(),
            search: nic.search.clone(),
            mtu: nic.mtu,
            external: node.external == Some(position),
            ..seed::SeedNic::default()
        })
        .collect();
    if node.cloud_init.is_some() && materials.lacks_cloud_init(node) {
        let fault = Fault::new(
            Exit::Usage,
            format!(
                "the image of '{}' has no cloud-init, and its file has 'cloud_init' for it",
                node.name
            ),
        );
        return Err(fault
            .hint("leave cloud_init out, or take an image with cloud-init")
            .into());
    }
    let hosts = materials.hosts.block(&node.name);
    let image = seed::image(&seed::Seed {
        instance_id: &node.uuid.to_string(),
        hostname: &node.name,
        fqdn: materials.hosts.full_name(&node.name),
        locale: materials.locale.as_deref(),
        certificates: &materials.certificates,
        hosts: hosts.as_deref(),
        cloud_init: node.cloud_init.as_ref(),
        username: Some(&materials.username),
        authorized_keys: &materials.login_keys,
        host_key_private: &key.private_openssh,
        host_key_public: &key.public_openssh,
        timezone: materials.timezone.as_deref(),
        swap_mib: (node.swap_mib > 0).then_some(node.swap_mib),
        nics: &nics,
        handed: materials.handed.get(&node.name),
        first_boot: materials.may_lack_cloud_init(node),
    })?;
    if let Some(half_made) = libvirt.volume(pool, &seed.volume)? {
        gone(half_made.delete(0))?;
    }
    let xml = xml::render(
        include_str!("volume.xml"),
        values! {
            name => seed.volume, capacity => image.len(), allocation => None::<u64>, format => "raw", cluster_kib => None::<u32>, backing => None::<()>,
        },
    )?;
    let volume = create(pool, &xml, 0)?;
    crate::interrupt::point("seed-half");
    libvirt
        .upload(&volume, &image)
        .with_context(|| format!("writing the seed '{}'", seed.volume))
}

/// Creates a volume; one that a dead client's last call still made is taken as it is.
fn create(pool: &StoragePool, xml: &str, flags: u32) -> Result<StorageVol> {
    match StorageVol::create_xml(pool, xml, flags) {
        Err(error) if matches!(error.code(), Enum::Known(ErrorNumber::StorageVolExist)) => {
            let document = roxmltree::Document::parse(xml)?;
            let name = document
                .descendants()
                .find(|n| n.has_tag_name("name"))
                .and_then(|n| n.text());
            Ok(pool.lookup_storage_vol_by_name(name.unwrap_or_default())?)
        }
        other => Ok(other?),
    }
}
