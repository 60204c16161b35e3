//! The volume: its file system, the same bytes for the same input.

use super::*;

#[test]
fn the_volume_is_a_small_fat12_that_says_cidata_in_both_places() {
    let volume = with_seed(|seed| image(seed)).unwrap();
    assert_eq!(volume.len(), 64 * 1024);
    assert_eq!(&volume[510..512], [0x55, 0xaa]);
    assert_eq!(&volume[43..54], b"CIDATA     ");
    assert_eq!(&volume[54..62], b"FAT12   ");
    let fs = fatfs::FileSystem::new(Cursor::new(volume), fatfs::FsOptions::new()).unwrap();
    assert_eq!(
        &fs.read_volume_label_from_root_dir_as_bytes().unwrap().unwrap(),
        b"CIDATA     "
    );
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let first = with_seed(|seed| image(seed)).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(5));
    assert!(first == with_seed(|seed| image(seed)).unwrap());
    let other = with_seed(|seed| {
        seed.instance_id = "i-2";
        image(seed)
    });
    assert_ne!(
        first[39..43],
        other.unwrap()[39..43],
        "the volume id follows the contents"
    );
}

#[test]
fn the_volume_grows_with_its_contents() {
    let volume = volume::build(&[("user-data", "x".repeat(200_000))]).unwrap();
    assert_eq!(volume.len(), 256 * 1024);
    assert_eq!(read(&volume, "user-data").len(), 200_000);
    // What has more clusters than FAT12 knows is FAT16, at the border and far from it.
    for (bytes, fat) in [
        (1_990_000, "FAT12   "),
        (2_000_000, "FAT16   "),
        (2_100_000, "FAT16   "),
        (9_000_000, "FAT16   "),
    ] {
        let volume = volume::build(&[("meta-data", "{}".into()), ("user-data", "x".repeat(bytes))]).unwrap();
        assert_eq!(&volume[54..62], fat.as_bytes(), "{bytes}");
        assert_eq!(read(&volume, "user-data").len(), bytes);
        // mtools count the clusters by themselves, as Linux does.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seed.img");
        std::fs::write(&path, &volume).unwrap();
        let typed = std::process::Command::new("mtype")
            .arg("-i")
            .arg(&path)
            .arg("::user-data")
            .output()
            .unwrap();
        assert!(
            typed.status.success() && typed.stdout.len() == bytes,
            "{bytes}: {} {}",
            typed.stdout.len(),
            String::from_utf8_lossy(&typed.stderr)
        );
    }
    assert!(volume::build(&[("user-data", "x".repeat(17 << 20))]).is_err());
}
