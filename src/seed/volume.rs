//! A FAT volume with a few files, the same bytes for the same files.

use std::io::{Cursor, Write};

use fatfs::{Date, DateTime, FatType, FileSystem, FormatVolumeOptions, FsOptions, Time, TimeProvider};
use sha2::{Digest, Sha256};

const LABEL: [u8; 11] = *b"CIDATA     ";
const GRAIN: usize = 64 * 1024;
/// The size of the smallest, in bytes.
pub const SMALLEST: u64 = GRAIN as u64;
// Boot sector, the root directory and the half-filled last clusters, and more than the FATs of a small one.
const OVERHEAD: usize = 32 * 1024;
const CLUSTER: usize = 512;
// More than 4084 clusters are FAT16 to whoever reads it, and fewer are FAT12 (fewer still are left than sectors).
const FAT12_MAX: usize = 4084 * CLUSTER;
// Two FATs with two bytes a cluster, of 512 bytes: less than 1 %.
const FAT16_PER_MILLE: usize = 10;
/// More than all that irs lets into a seed, and less than FAT16 holds.
const MAX: usize = 16 << 20;

#[derive(Debug)]
struct Epoch;

static EPOCH: Epoch = Epoch;

impl TimeProvider for Epoch {
    fn get_current_date(&self) -> Date {
        Date {
            year: 1980,
            month: 1,
            day: 1,
        }
    }

    fn get_current_date_time(&self) -> DateTime {
        DateTime {
            date: self.get_current_date(),
            time: Time {
                hour: 0,
                min: 0,
                sec: 0,
                millis: 0,
            },
        }
    }
}

/// A volume labelled `CIDATA` that holds `files` (name, text) in its root folder.
pub(super) fn build(files: &[(&str, String)]) -> anyhow::Result<Vec<u8>> {
    let text: usize = files.iter().map(|(_, text)| text.len()).sum();
    anyhow::ensure!(text <= MAX, "it has {text} bytes, and may have {MAX}");
    let small = (text + OVERHEAD).next_multiple_of(GRAIN);
    let (fat, size) = match small <= FAT12_MAX {
        true => (FatType::Fat12, small),
        false => {
            let size = text + text * FAT16_PER_MILLE / 1000 + OVERHEAD;
            // With its FATs and its root folder it must still have more clusters than FAT12 can.
            let least = FAT12_MAX + 2 * GRAIN;
            (FatType::Fat16, size.max(least).next_multiple_of(GRAIN))
        }
    };
    let mut volume = vec![0; size];
    let options = FormatVolumeOptions::new()
        .fat_type(fat)
        .bytes_per_cluster(CLUSTER as u32)
        .volume_id(volume_id(files))
        .volume_label(LABEL);
    fatfs::format_volume(Cursor::new(&mut volume[..]), options)?;
    {
        let options = FsOptions::new().time_provider(&EPOCH).update_accessed_date(false);
        let fs = FileSystem::new(Cursor::new(&mut volume[..]), options)?;
        for (name, text) in files {
            let mut file = fs.root_dir().create_file(name)?;
            file.truncate()?;
            file.write_all(text.as_bytes())?;
            file.flush()?;
        }
        fs.unmount()?;
    }
    Ok(volume)
}

fn volume_id(files: &[(&str, String)]) -> u32 {
    let mut hash = Sha256::new();
    for (name, text) in files {
        hash.update(name);
        hash.update([0]);
        hash.update(text);
        hash.update([0]);
    }
    let digest = hash.finalize();
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}
