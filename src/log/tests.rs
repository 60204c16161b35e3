use super::*;

fn text(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn what_waited_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::new();
    log.line(Level::Info, "first");
    log.attach(folder.path());
    log.line(Level::Error, "second\ncaused by: \x1b[31mthird\x1b[0m\x07");
    let text = text(folder.path(), LOG);
    let words: Vec<&str> = text
        .lines()
        .map(|line| line.split_once("] ").unwrap().1)
        .collect();
    assert_eq!(words, ["info: first", "error: second", "error: caused by: third"]);
    let mode = std::fs::metadata(folder.path().join(LOG))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_log_is_bounded_and_two_writers_share_it() {
    let folder = tempfile::tempdir().unwrap();
    let (mut one, mut other) = (Log::new(), Log::new());
    one.attach(folder.path());
    other.attach(folder.path());
    let long = "x".repeat(64 << 10);
    for _ in 0..100 {
        one.line(Level::Debug, &long);
        other.line(Level::Debug, &long);
    }
    for name in [LOG, LOG_BEFORE] {
        let text = text(folder.path(), name);
        assert!(text.len() as u64 <= MOST + 3 * LOOKS, "{name} has {}", text.len());
        assert!(text.lines().all(|line| line.ends_with(&long)), "{name}");
    }
    let names = folder.path().read_dir().unwrap().count();
    assert_eq!(names, 2);
}

#[test]
fn what_cannot_be_a_log_is_told_and_nothing_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = folder.path().join("elsewhere");
    std::fs::write(&elsewhere, "").unwrap();
    std::os::unix::fs::symlink(&elsewhere, folder.path().join(LOG)).unwrap();
    let mut log = Log::new();
    log.attach(folder.path());
    assert!(log.failed.as_ref().unwrap().contains("no log is written: '"));
    log.line(Level::Info, "lost");
    assert_eq!(text(folder.path(), "elsewhere"), "");
}
