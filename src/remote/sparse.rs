//! A file as its parts that are not zeros: what is zeros is neither sent nor, on the other side, stored.
//!
//! Each part has a line before it, its place and its length; a length of 0 ends the file, its place is the size. Parts come
//! in order, so what was written before a link was cut is a beginning of the file, as with `cat`.

use super::send::{CHUNK, Chunk, stop};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::io::Read;
use std::sync::mpsc::SyncSender;
use std::sync::{Mutex, PoisonError};

/// Writes parts behind what is good of the file, as the only one. $1: the file, $2: how much is good. Without room it goes.
pub(super) const WRITE: &str = "umask 077; exec 9>>\"$1\" || exit 1; flock -n 9 || exit 75; truncate -s \"$2\" -- \"$1\" || exit 1; \
     while read -r at length; do \
     if [ \"$length\" = 0 ]; then truncate -s \"$at\" -- \"$1\"; exit; fi; \
     dd of=\"$1\" bs=1M oflag=seek_bytes seek=\"$at\" iflag=fullblock,count_bytes count=\"$length\" conv=notrunc status=none \
     || { rm -f -- \"$1\"; exit 1; }; done; exit 0";

/// The largest part: each costs a process there.
const PART: usize = 16 * CHUNK;

/// How far the file is when so much of the stream is through.
#[derive(Default)]
pub(super) struct Marks(Mutex<VecDeque<(u64, u64)>>);

impl Marks {
    fn add(&self, sent: u64, place: u64) {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        marks.push_back((sent, place));
    }

    /// The place in the file that `sent` bytes of the stream come to, `before` being the last one.
    pub(super) fn place(&self, sent: u64, before: u64) -> u64 {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut place = before;
        while let Some((_, end)) = marks.front().filter(|(at, _)| *at <= sent) {
            place = *end;
            marks.pop_front();
        }
        place
    }
}

/// Reads all of a source from `from` on as `send`'s own reader does, and gives its parts on; the hash is of all of it.
pub(super) fn read_ahead(
    source: &mut impl Read,
    mut hash: Sha256,
    from: u64,
    chunks: &SyncSender<Chunk>,
    marks: &Marks,
) -> (Sha256, u64) {
    let (mut place, mut sent) = (from, 0);
    let mut part: Vec<u8> = Vec::new();
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        let read = stop().and_then(|()| Read::take(&mut *source, CHUNK as u64).read_to_end(&mut chunk));
        hash.update(&chunk);
        let is_over = read.is_err() || chunk.is_empty();
        let is_zeros = chunk.iter().all(|byte| *byte == 0);
        if !part.is_empty() && (is_zeros || part.len() >= PART) {
            let mut framed = format!("{} {}\n", place - part.len() as u64, part.len()).into_bytes();
            framed.append(&mut part);
            sent += framed.len() as u64;
            marks.add(sent, place);
            if chunks.send(Ok(framed)).is_err() {
                return (hash, place - from);
            }
        }
        place += chunk.len() as u64;
        if let Err(error) = read {
            let _ = chunks.send(Err(error));
            return (hash, place - from);
        }
        if is_over {
            let end = format!("{place} 0\n").into_bytes();
            marks.add(sent + end.len() as u64, place);
            let _ = chunks.send(Ok(end));
            return (hash, place - from);
        }
        if !is_zeros {
            part.append(&mut chunk);
        }
    }
}
