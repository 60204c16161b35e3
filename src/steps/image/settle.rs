//! What becomes of a complete image in the cache's folder: converted where QEMU needs it, made sparse, sealed, and named.

use super::{Base, converted_from};
use crate::error::{Exit, Fault, FaultContext};
use crate::image::Format;
use crate::remote::{Cmd, Ended, Host, Job, News};
use anyhow::{Context, Result};

/// A complete image in the cache's folder that has not got its name yet.
pub struct Arrived<'a> {
    /// The cache's folder.
    pub folder: &'a str,
    /// Its name while it is not checked.
    pub part: String,
    /// Its name to be: by what came.
    pub name: String,
    /// The file that says which content its URL had.
    pub index: Option<String>,
    /// The format that it has come in.
    pub format: Format,
    /// Bytes.
    pub size: u64,
    /// The size of the disk in it, in bytes.
    pub virtual_size: u64,
    /// The URL or path, as the user typed it, without what is secret in it.
    pub shown: String,
    /// The sums of the packed file that it was in, `sha256:HEX …`.
    pub came: Option<String>,
}

/// What the hypervisor does in the very command that names an image, since the client may be lost after it.
#[derive(Default)]
pub struct Then {
    script: &'static str,
    args: Vec<String>,
}

impl Then {
    /// It forgets the job that brought the image.
    pub fn forget(job: &Job<'_>) -> Then {
        let (script, args) = job.forgetting();
        Then {
            script,
            args: args.to_vec(),
        }
    }

    /// It removes the packed file that the image was in: one that was sent again while an earlier run's was unpacked already.
    pub fn remove(packed: String) -> Then {
        Then {
            script: "rm -f -- \"$1\" \"$1.head\"",
            args: vec![packed],
        }
    }
}

/// Checks a complete image and gives it its name, in one move, and does with it what is to be done `then`; one that is
/// refused is left to the caller.
///
/// # Errors
/// `Usage` for a damaged image; what the hypervisor says where it cannot be converted or placed.
pub fn settle(
    host: &Host,
    arrived: &Arrived<'_>,
    then: &Then,
    hear: &dyn Fn(News) -> Result<()>,
) -> Result<Base> {
    let Arrived {
        folder,
        part,
        name,
        index,
        format,
        virtual_size,
        shown,
        ..
    } = arrived;
    if *format != Format::Raw {
        check(host, &format!("{folder}/{part}"), *format, shown)?;
    }
    let converted = converted_from(name).is_some();
    let (mut ready, mut sum) = (part.clone(), String::new());
    if converted {
        (ready, sum) = convert(host, arrived, hear)?;
    } else if *format == Format::Raw {
        dig(host, folder, part, hear)?;
    }
    let index = index.as_deref().unwrap_or_default();
    let place = Cmd::script(
        &sealing(include_str!("place.sh")),
        &[
            folder,
            &ready,
            name,
            index,
            part,
            &sum,
            &shown.replace(char::is_control, "?"),
            arrived.came.as_deref().unwrap_or_default(),
            then.script,
        ],
    )
    .args(&then.args);
    host.text(&place)
        .context("putting the base image into the cache")?;
    Ok(Base {
        path: format!("{folder}/{name}"),
        format: if converted { Format::Qcow2 } else { *format },
        virtual_size: *virtual_size,
    })
}

/// A script with the words for seals before it.
pub fn sealing(script: &str) -> String {
    let (about, rest) = script.split_once('\n').unwrap_or((script, ""));
    [about, "\n", include_str!("seal.sh"), rest].concat()
}

fn check(host: &Host, path: &str, format: Format, shown: &str) -> Result<()> {
    let check = Cmd::new("qemu-img").args(["check", "-q", "-f", format.name(), path]);
    let output = host.run(&check)?;
    // 3 is leaked clusters only, harmless in an image that is read; 63 a format that has no check.
    if matches!(output.status, 0 | 3 | 63) {
        return Ok(());
    }
    let errors = output.errors();
    let cause = errors.lines().next().unwrap_or("qemu-img check fails").to_owned();
    Err(anyhow::anyhow!(cause)).fault(|| {
        Fault::new(Exit::Usage, format!("image '{shown}' is damaged"))
            .hint("get it again, or look at it with 'qemu-img check'")
    })
}

/// Makes a qcow2 image of one in a format that guests cannot be given everywhere, once for all that wait for it; gives its name
/// and its SHA-256.
fn convert(
    host: &Host,
    arrived: &Arrived<'_>,
    hear: &dyn Fn(News) -> Result<()>,
) -> Result<(String, String)> {
    let Arrived {
        folder, part, shown, ..
    } = arrived;
    let ready = format!("{}.qcow2.part", part.strip_suffix(".part").unwrap_or(part));
    let size = arrived.virtual_size.to_string();
    let format = arrived.format.name();
    let args = [*folder, part, format, &ready, &size, &arrived.name];
    let job = Job {
        purpose: "",
        script: include_str!("convert.sh"),
        args: &args,
        stdin: "",
        file: &format!("{folder}/{ready}.new"),
        kept: true,
    };
    tracing::info!("converting '{shown}' from {format} to qcow2");
    let failed = || {
        Fault::new(
            Exit::Failed,
            format!("image '{shown}' cannot be converted from {format} to qcow2"),
        )
        .hint("look at it with 'qemu-img check', or convert it yourself: 'qemu-img convert -O qcow2'")
    };
    let Ended::Done(output) = host.job(&job, hear)? else {
        return Ok((ready, String::new()));
    };
    let output = match output.check(&Cmd::script(job.script, &args), host.name()) {
        Ok(output) => output,
        Err(error) => {
            let exit = error.downcast_ref::<Fault>().map_or(Exit::Failed, |f| f.exit);
            return Err(error.context(Fault { exit, ..failed() }));
        }
    };
    host.forget(&job)?;
    Ok((ready, output.text().trim().to_owned()))
}

/// Gives back the space of what is zeros in a raw image.
fn dig(host: &Host, folder: &str, part: &str, hear: &dyn Fn(News) -> Result<()>) -> Result<()> {
    const DIG: &str = "# Makes zeros holes: folder, file. A file system that has no holes keeps them.\n\
        exec fallocate --dig-holes -- \"$1/$2\"";
    let job = Job {
        purpose: "",
        script: DIG,
        args: &[folder, part],
        stdin: "",
        file: "",
        kept: false,
    };
    // Its file's size says nothing of it: only that it is under way.
    host.job(&job, &|news| match news {
        News::Size(_) => Ok(()),
        joined => hear(joined),
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image;
    use crate::steps::image::cache_name;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::path::Path;
    use std::process::Command;

    fn qemu_img(args: &[&str]) {
        let output = Command::new("qemu-img").args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
    }

    /// A raw disk of 8 MiB with data in its middle, and the same in another format.
    fn made(folder: &Path, format: &str, options: &[&str]) -> String {
        let of = |name: &str| folder.join(name).display().to_string();
        let mut bytes = vec![0; 8 << 20];
        bytes[4 << 20..][..100_000].fill(7);
        std::fs::write(of("raw"), bytes).unwrap();
        let part = "irs-url-1.part";
        let (raw, part_path) = (of("raw"), of(part));
        qemu_img(
            &[
                &["convert", "-f", "raw", "-O", format],
                options,
                &[&raw, &part_path],
            ]
            .concat(),
        );
        part.to_owned()
    }

    fn settled(folder: &Path, part: String, shown: &str) -> Result<Base> {
        let bytes = std::fs::read(folder.join(&part)).unwrap();
        let format = image::probe(&bytes[..image::HEADER.min(bytes.len())], bytes.len() as u64, "x").unwrap();
        let sum = Command::new("sha256sum")
            .arg(folder.join(&part))
            .output()
            .unwrap();
        let sum = String::from_utf8(sum.stdout).unwrap();
        let arrived = Arrived {
            folder: folder.to_str().unwrap(),
            part,
            name: cache_name(&sum[..64], format),
            index: Some("irs-url-1".into()),
            format,
            size: bytes.len() as u64,
            virtual_size: image::virtual_size(&bytes, bytes.len() as u64, format),
            shown: shown.to_owned(),
            came: None,
        };
        let sent = folder.join("irs-packed-1.part").display().to_string();
        settle(&Host::here(), &arrived, &Then::remove(sent), &|_| Ok(()))
    }

    fn state(path: &str) -> String {
        let text = Host::here().text(&Cmd::script(&sealing("# State\nseal_state \"$1\""), &[path]));
        text.unwrap().trim().to_owned()
    }

    #[test]
    fn each_format_becomes_what_qemu_can_be_given_and_has_the_same_disk() {
        for (format, options, stored) in [
            ("raw", &[][..], Format::Raw),
            ("qcow2", &["-o", "compat=0.10"], Format::Qcow2),
            ("qcow2", &["-c"], Format::Qcow2),
            ("qed", &[], Format::Qcow2),
            ("vmdk", &[], Format::Qcow2),
            ("vmdk", &["-o", "subformat=streamOptimized"], Format::Qcow2),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let part = made(dir.path(), format, options);
            std::fs::write(dir.path().join("irs-packed-1.part"), "packed").unwrap();
            let base = settled(dir.path(), part, "http://h/x").unwrap();
            assert_eq!((base.format, base.virtual_size), (stored, 8 << 20), "{format}");
            let raw = dir.path().join("raw").display().to_string();
            qemu_img(&["compare", "-f", "raw", "-F", stored.name(), &raw, &base.path]);
            let found = std::fs::metadata(&base.path).unwrap();
            assert_eq!(found.permissions().mode() & 0o777, 0o444);
            // What is zeros takes no space.
            assert!(found.blocks() * 512 < 2 << 20, "{format}: {}", found.blocks());
            assert_eq!(state(&base.path), "good");
            let mut left: Vec<String> = std::fs::read_dir(dir.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            left.sort();
            let name = base.path.rsplit('/').next().unwrap();
            assert_eq!(
                left,
                [name, &format!("{name}.seal"), "irs-url-1", "raw"],
                "{format}"
            );
        }
    }

    #[test]
    fn a_converted_image_is_known_again_and_what_is_changed_in_it_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let part = made(dir.path(), "vmdk", &[]);
        std::fs::copy(dir.path().join(&part), dir.path().join("again")).unwrap();
        let base = settled(dir.path(), part.clone(), "http://h/x").unwrap();
        let before = std::fs::metadata(&base.path).unwrap();
        std::fs::rename(dir.path().join("again"), dir.path().join(&part)).unwrap();
        assert_eq!(settled(dir.path(), part, "http://h/y").unwrap(), base);
        let after = std::fs::metadata(&base.path).unwrap();
        assert_eq!(
            before.ino(),
            after.ino(),
            "nodes may lie over it: it is not exchanged"
        );
        let seal = std::fs::read_to_string(format!("{}.seal", base.path)).unwrap();
        assert!(
            seal.contains("from http://h/x\nfrom http://h/y\nplaced "),
            "{seal}"
        );

        let file = || std::fs::OpenOptions::new().write(true).open(&base.path).unwrap();
        // Another time alone is no other content.
        file().set_modified(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(state(&base.path), "good");
        // A change with the time set back.
        let flip = |at: u64| std::os::unix::fs::FileExt::write_all_at(&file(), b"X", at).unwrap();
        flip(before.size() - 1);
        file().set_modified(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(state(&base.path), "changed");
        file().set_modified(before.modified().unwrap()).unwrap();
        assert_eq!(
            state(&base.path),
            "good",
            "only all of it tells: irs image verify"
        );
        flip(9);
        file().set_modified(before.modified().unwrap()).unwrap();
        assert_eq!(state(&base.path), "changed");
        // The seals of before had their first line only.
        std::fs::write(
            format!("{}.seal", base.path),
            format!("{} {}", before.size(), before.mtime()),
        )
        .unwrap();
        assert_eq!(state(&base.path), "good");
        std::fs::remove_file(&base.path).unwrap();
        assert_eq!(state(&base.path), "gone");
    }

    #[test]
    fn what_cannot_be_converted_is_told_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let part = made(dir.path(), "vmdk", &["-o", "subformat=streamOptimized"]);
        let path = dir.path().join(&part);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 66_000]).unwrap();
        let error = settled(dir.path(), part, "x.vmdk").unwrap_err();
        assert!(error.to_string().contains("'x.vmdk'"), "{error:#}");
        let left = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(left, 2, "the image itself is its caller's");
    }
}
