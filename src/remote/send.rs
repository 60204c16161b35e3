//! Sending a large file: a cut link, or a killed run, costs no more than what was under way.

use super::{Cmd, Host, sparse};
use crate::error::{Exit, Fault, FaultContext};
use crate::interrupt;
use anyhow::{Context, Result, anyhow};
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::io::{self, Read, Seek};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{SystemTime, UNIX_EPOCH};

/// Writes on behind what is good of the file, as the only one. $1: the file, $2: how much is good. Without room it goes.
const WRITE: &str = "umask 077; exec 9>>\"$1\" || exit 1; flock -n 9 || exit 75; truncate -s \"$2\" -- \"$1\" || exit 1; \
     cat >&9; status=$?; [ $status != 1 ] || rm -f -- \"$1\"; exit $status";

/// How much is read at once, and how many such pieces ahead.
pub(super) const CHUNK: usize = 256 * 1024;
const AHEAD: usize = 8;

/// Status of a file that another run writes.
const BUSY: i32 = 75;

/// A file that arrived.
pub struct Sent {
    /// Where it is there.
    pub path: String,
    /// The SHA-256 of what was read for it, in hexadecimal digits.
    pub sha256: String,
    /// How many bytes of it were there already.
    pub found: u64,
}

impl Host {
    /// Brings the `size` bytes of `source` to `path` there as root, readable by root alone.
    ///
    /// What an earlier try left at `path` is looked at: when it is the beginning of `source`, only the rest is sent. When
    /// another run sends it now, it goes to another name beside. `path` stays when the link is cut or the run interrupted: what
    /// lies there is to be checked before it is used, and nobody may rely on its being whole. `progress` gets the number
    /// of bytes that are there.
    ///
    /// # Errors
    /// A source that cannot be read; an interruption, or a lost connection, after which the same call goes on.
    pub fn send(
        &self,
        source: &mut (impl Read + Seek + Send),
        size: u64,
        path: &str,
        progress: &dyn Fn(u64),
    ) -> Result<Sent> {
        self.send_as(source, size, path, false, progress)
    }

    /// The same for a file with long runs of zeros: they are neither sent nor stored there.
    ///
    /// # Errors
    /// As those of [`Host::send`].
    pub fn send_sparse(
        &self,
        source: &mut (impl Read + Seek + Send),
        size: u64,
        path: &str,
        progress: &dyn Fn(u64),
    ) -> Result<Sent> {
        self.send_as(source, size, path, true, progress)
    }

    fn send_as(
        &self,
        source: &mut (impl Read + Seek + Send),
        size: u64,
        path: &str,
        is_sparse: bool,
        progress: &dyn Fn(u64),
    ) -> Result<Sent> {
        let mut path = path.to_owned();
        let found = match self.found(&path)? {
            Some(found) => found,
            None => {
                path = beside(&path)?;
                None
            }
        };
        let unread = || Fault::new(Exit::Failed, format!("cannot read what is to become '{path}'"));
        let mut hash = Sha256::new();
        let mut from = 0;
        if let Some((length, digest)) = found.filter(|(length, _)| *length <= size) {
            from = length;
            let read = hash_of(source, length, &mut hash).fault(unread)?;
            if read != length || hex(hash.clone()) != digest {
                from = 0;
                hash = Sha256::new();
            }
        }
        source.seek(io::SeekFrom::Start(from)).fault(unread)?;
        progress(from);
        let sender = format!("IRS_SENDER={}", sender());
        let script = format!(
            "# Writes what is sent\nexport {sender}; {}",
            if is_sparse { sparse::WRITE } else { WRITE }
        );
        let write = Cmd::script(&script, &[&path, &from.to_string()]);
        let bulk = self.bulk(size - from);
        // Reading and hashing go beside sending, which keeps a core busy with its cipher.
        let (chunks, received) = sync_channel(AHEAD);
        let marks = &sparse::Marks::default();
        let (written, failed, hashed) = std::thread::scope(|scope| {
            let reading = scope.spawn(move || match is_sparse {
                true => sparse::read_ahead(source, hash, from, &chunks, marks),
                false => read_ahead(source, hash, &chunks),
            });
            let mut reader = Reader::new(received);
            let place = Cell::new(from);
            let heard = |sent| {
                place.set(if is_sparse {
                    marks.place(sent, place.get())
                } else {
                    from + sent
                });
                progress(place.get());
            };
            let written = match &bulk {
                Some(bulk) => bulk.feed(&write, &mut reader, &heard),
                None => self.feed(&write, &mut reader, &heard),
            };
            let failed = reader.failed.take();
            drop(reader);
            (written, failed, reading.join())
        });
        if let Some(error) = failed {
            return Err(error).fault(unread);
        }
        let output = written?;
        if output.status == BUSY {
            let message = format!("'{path}' on '{}' is being written by another run", self.name());
            return Err(Fault::new(Exit::Busy, message)
                .hint("run irs again: it goes on from there")
                .into());
        }
        output.check(&write, self.name())?;
        let (hash, read) = hashed.map_err(|_| anyhow!("reading '{path}' broke off"))?;
        let read = from + read;
        if read != size {
            let message = format!("'{path}' was to have {size} bytes, and {read} came");
            return Err(Fault::new(Exit::Failed, message).into());
        }
        // A connection that is cut ends `cat` as the end of the file does: only its size tells.
        let there = self.text(&Cmd::new("stat").args(["-c", "%s", "--", &path]))?;
        if there.trim() != size.to_string() {
            let message = format!("'{path}' on '{}' was cut short", self.name());
            return Err(Fault::new(Exit::Failed, message)
                .hint("run irs again: it goes on from there")
                .into());
        }
        let sha256 = hex(hash);
        Ok(Sent {
            path,
            sha256,
            found: from,
        })
    }

    /// Size and hash of what lies there, nothing when it is empty; `None` when another run writes it now.
    fn found(&self, path: &str) -> Result<Option<Option<(u64, String)>>> {
        let look = Cmd::script(include_str!("part.sh"), &[path, sender()]);
        let output = self.run(&look)?;
        if output.status == BUSY {
            return Ok(None);
        }
        let text = output.check(&look, self.name())?.text();
        let mut words = text.split_whitespace();
        let size: u64 = words.next().context("the size of a file")?.parse()?;
        let digest = words.next().context("the hash of a file")?.to_owned();
        Ok(Some((size > 0).then_some((size, digest))))
    }
}

/// A name beside `path` that no other run takes.
fn beside(path: &str) -> Result<String> {
    let stem = path.strip_suffix(".part").unwrap_or(path);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
    Ok(format!("{stem}.{}-{nanos}.part", std::process::id()))
}

/// What tells the writers of this process from others.
fn sender() -> &'static str {
    static SENDER: OnceLock<String> = OnceLock::new();
    SENDER.get_or_init(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        format!("{}-{}", std::process::id(), now.as_nanos())
    })
}

/// Hashes the first `length` bytes; gives how many there were.
fn hash_of(source: &mut (impl Read + Seek), length: u64, hash: &mut Sha256) -> io::Result<u64> {
    source.rewind()?;
    let mut part = Read::take(source, length);
    let mut buffer = vec![0; 256 * 1024];
    let mut read = 0;
    loop {
        stop()?;
        match part.read(&mut buffer)? {
            0 => return Ok(read),
            count => {
                hash.update(&buffer[..count]);
                read += count as u64;
            }
        }
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn stop() -> io::Result<()> {
    match interrupt::requested() {
        true => Err(io::Error::other("interrupted")),
        false => Ok(()),
    }
}

pub(super) type Chunk = io::Result<Vec<u8>>;

/// Reads all of a source, until nobody wants it any more or the run is to stop; gives the hash, and how many bytes there were.
fn read_ahead(source: &mut impl Read, mut hash: Sha256, chunks: &SyncSender<Chunk>) -> (Sha256, u64) {
    let mut total = 0;
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        let read = stop().and_then(|()| Read::take(&mut *source, CHUNK as u64).read_to_end(&mut chunk));
        hash.update(&chunk);
        total += chunk.len() as u64;
        let is_last = read.is_err();
        if !is_last && chunk.is_empty() {
            return (hash, total);
        }
        if chunks.send(read.map(|_| chunk)).is_err() || is_last {
            return (hash, total);
        }
    }
}

/// What was read ahead; it keeps the source's own error apart from the connection's.
struct Reader {
    chunks: Receiver<Chunk>,
    chunk: Vec<u8>,
    at: usize,
    failed: Option<io::Error>,
}

impl Reader {
    fn new(chunks: Receiver<Chunk>) -> Reader {
        Reader {
            chunks,
            chunk: Vec::new(),
            at: 0,
            failed: None,
        }
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.chunk.len() {
            match self.chunks.recv() {
                Ok(Ok(chunk)) => (self.chunk, self.at) = (chunk, 0),
                // To the connection this is the end: it stays whole.
                Ok(Err(error)) => {
                    self.failed.get_or_insert(error);
                    return Ok(0);
                }
                Err(_) => return Ok(0),
            }
        }
        let count = buffer.len().min(self.chunk.len() - self.at);
        buffer[..count].copy_from_slice(&self.chunk[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::io::Cursor;

    #[test]
    fn what_is_there_already_is_not_sent_again_if_it_is_the_beginning() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("it's.part");
        let name = path.to_str().unwrap();
        let content: Vec<u8> = (0..1_000_000u32).map(|n| (n ^ (n >> 8)) as u8).collect();
        let longer = [&content[..], b"x"].concat();
        for (there, found) in [
            (&content[..0], 0),
            (&content[..400_000], 400_000),
            (&content[..], 1_000_000),
            (&longer[..], 0),
            (&content[1..400_001], 0),
            (&[0; 5][..], 0),
        ] {
            std::fs::write(&path, there).unwrap();
            let first = Cell::new(None);
            let note = |bytes| first.set(first.get().or(Some(bytes)));
            let sent = Host::here()
                .send(&mut Cursor::new(&content), 1_000_000, name, &note)
                .unwrap();
            assert_eq!(
                (sent.found, first.get(), sent.path.as_str()),
                (found, Some(found), name)
            );
            assert!(std::fs::read(&path).unwrap() == content);
            assert_eq!(sent.sha256, hex(Sha256::new_with_prefix(&content)));
        }
    }

    #[test]
    fn zeros_are_neither_sent_nor_stored() {
        use std::os::unix::fs::MetadataExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sparse.part");
        let name = path.to_str().unwrap();
        let mut content = vec![0; 40 << 20];
        for (at, length) in [(0, 512), (5 << 20, 9 << 20), (30 << 20, 100), ((32 << 20) + 7, 3)] {
            content[at..at + length].fill(7);
        }
        let longer = [&content[..], &[0; 300_000]].concat();
        let mut odd = content.clone();
        odd.truncate((32 << 20) + 9);
        for (content, there) in [
            (&content, 0),
            (&content, 300_000),
            (&content, (5 << 20) + 13),
            (&content, 20 << 20),
            (&content, content.len()),
            (&longer, 33 << 20),
            (&odd, 1),
            (&vec![0; 1 << 20], 0),
        ] {
            std::fs::write(&path, &content[..there]).unwrap();
            let size = content.len() as u64;
            let last = Cell::new(0);
            let sent = Host::here()
                .send_sparse(&mut Cursor::new(content), size, name, &|place| last.set(place))
                .unwrap();
            assert_eq!((sent.found, last.get()), (there as u64, size));
            assert!(std::fs::read(&path).unwrap() == *content, "{there}");
            assert_eq!(sent.sha256, hex(Sha256::new_with_prefix(content)));
            let stored = std::fs::metadata(&path).unwrap().blocks() * 512;
            assert!(stored <= (there as u64) + (11 << 20), "{there}: {stored}");
            std::fs::remove_file(&path).unwrap();
        }
        let sent = Host::here().send_sparse(&mut Cursor::new(b"other"), 7, name, &|_| ());
        assert!(sent.err().unwrap().to_string().contains("7 bytes, and 5 came"));
    }

    #[test]
    fn a_source_that_ends_early_or_breaks_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("short.part");
        let name = path.to_str().unwrap();
        let sent = Host::here().send(&mut Cursor::new(b"other"), 7, name, &|_| ());
        assert!(sent.err().unwrap().to_string().contains("7 bytes, and 5 came"));
        let folder = std::fs::File::open(dir.path()).unwrap();
        let sent = Host::here().send(&mut &folder, 7, name, &|_| ());
        assert!(
            sent.err()
                .unwrap()
                .to_string()
                .contains("cannot read what is to become")
        );
    }
}
