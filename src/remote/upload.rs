//! Putting files on a host.

use super::{Cmd, Host};
use crate::error::{Exit, Fault, FaultContext};
use anyhow::Result;
use std::io::{self, Read};

impl Host {
    /// Writes `source` to `path` there as root, with the permission bits `mode`.
    ///
    /// It is written to `path.part` and renamed when all of it is there: `path` is never half a file.
    /// `size`, where known, is checked; `progress` gets the number of bytes sent so far.
    pub fn upload(
        &self,
        source: impl Read,
        size: Option<u64>,
        path: &str,
        mode: u32,
        progress: &dyn Fn(u64),
    ) -> Result<()> {
        let mut source = Source {
            inner: source,
            read: 0,
            failed: None,
        };
        let write = Cmd::script(
            "umask 077; cat >\"$1.part\" || { rm -f \"$1.part\"; exit 1; }",
            &[path],
        );
        let written = self.feed(&write, &mut source, progress);
        let given_up = |why: Fault| {
            let _ = self.run(&Cmd::new("rm").args(["-f", "--"]).arg(format!("{path}.part")));
            why
        };
        if let Some(e) = source.failed {
            return Err(e).fault(|| {
                given_up(Fault::new(
                    Exit::Failed,
                    format!("cannot read what is to become '{path}'"),
                ))
            });
        }
        let read = source.read;
        let failed = || {
            Fault::new(
                Exit::Failed,
                format!("cannot write '{path}' on '{}'", self.name()),
            )
        };
        let resources = |e: anyhow::Error| match e.downcast_ref::<Fault>().map(|f| (f.exit, f.passing)) {
            Some((exit, passing)) => e.context(Fault {
                exit,
                passing,
                ..failed()
            }),
            None => e.context(failed()),
        };
        written?.check(&write, self.name()).map_err(resources)?;
        if let Some(size) = size.filter(|s| *s != read) {
            let message = format!("'{path}' was to have {size} bytes, and {read} came");
            return Err(given_up(Fault::new(Exit::Failed, message)).into());
        }
        // A connection that is cut ends `cat` as the end of the file does: only this makes the file count.
        let finish = "[ \"$(stat -c %s \"$1.part\")\" = \"$3\" ] || { echo 'it was cut short' >&2; exit 1; }; \
                      chmod \"$2\" \"$1.part\" && mv -f \"$1.part\" \"$1\"";
        self.check(&Cmd::script(
            finish,
            &[path, &format!("{mode:o}"), &read.to_string()],
        ))
        .map_err(resources)?;
        Ok(())
    }
}

/// A source that counts, and keeps its own error apart from the connection's.
struct Source<R> {
    inner: R,
    read: u64,
    failed: Option<io::Error>,
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failed.is_some() {
            return Ok(0);
        }
        match self.inner.read(buffer) {
            Ok(n) => {
                self.read += n as u64;
                Ok(n)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Err(e),
            Err(e) => {
                // To the connection this is the end: it stays whole.
                self.failed = Some(e);
                Ok(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Local;
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    fn host() -> Host {
        Host::Local(Arc::new(Local {
            sudo: super::super::Sudo::No,
        }))
    }

    struct Failing;

    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is broken"))
        }
    }

    #[test]
    fn a_file_arrives_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("it's a \"file\"");
        let name = path.to_str().unwrap();
        let sent = std::cell::Cell::new(0);
        host()
            .upload(&b"content"[..], Some(7), name, 0o640, &|n| sent.set(n))
            .unwrap();
        assert_eq!(
            (std::fs::read(&path).unwrap(), sent.get()),
            (b"content".to_vec(), 7)
        );
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o640);

        let short = host()
            .upload(&b"other"[..], Some(7), name, 0o640, &|_| ())
            .unwrap_err();
        assert!(short.to_string().contains("7 bytes, and 5 came"), "{short}");
        let broken = host().upload(Failing, None, name, 0o640, &|_| ()).unwrap_err();
        assert!(format!("{broken:#}").contains("the disk is broken"), "{broken:#}");
        assert_eq!(std::fs::read(&path).unwrap(), b"content");
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            1,
            "no .part is left"
        );
    }

    #[test]
    fn a_full_disk_is_a_lack_of_resources() {
        let target = tempfile::tempdir().unwrap();
        let path = target.path().join("full");
        std::os::unix::fs::symlink("/dev/full", target.path().join("full.part")).unwrap();
        let error = host()
            .upload(&[1; 100_000][..], None, path.to_str().unwrap(), 0o600, &|_| ())
            .unwrap_err();
        assert_eq!(
            error.downcast_ref::<Fault>().unwrap().exit,
            Exit::Resources,
            "{error:#}"
        );
    }
}
