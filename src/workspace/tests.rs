use super::*;
use std::collections::HashMap;

fn sample() -> Record {
    Record {
        deployment: "a".into(),
        prefix: Some("a".into()),
        uuid: "6fa459ea-ee8a-5ca4-894e-db77e160355e".parse().unwrap(),
        hosts: vec![RecordHost {
            address: "hv1".into(),
            user: Some("root".into()),
            key: None,
            known_hosts: None,
            uuid: None,
        }],
        ..Record::default()
    }
}

#[test]
fn the_base_folder_follows_the_environment() {
    let base = |vars: &[(&'static str, &'static str)]| {
        let vars: HashMap<_, _> = vars.iter().copied().collect();
        base_from(|name| vars.get(name).map(OsString::from))
    };
    assert_eq!(
        base(&[("IRS_HOME", "/x"), ("HOME", "/h")]).unwrap(),
        Path::new("/x")
    );
    assert_eq!(
        base(&[("XDG_DATA_HOME", "/d"), ("HOME", "/h")]).unwrap(),
        Path::new("/d/irs")
    );
    assert_eq!(
        base(&[("XDG_DATA_HOME", "d"), ("HOME", "/h")]).unwrap(),
        Path::new("/h/.local/share/irs")
    );
    assert!(
        base(&[])
            .unwrap_err()
            .to_string()
            .starts_with("no folder for workspaces")
    );
}

#[test]
fn names_that_leave_the_base_are_refused() {
    for name in [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        ".hidden",
        "-x",
        "a b",
        "a\n",
        "$x",
        &"a".repeat(129),
    ] {
        let error = Workspace::below(Path::new("/base"), name).unwrap_err();
        assert_eq!(
            error.downcast_ref::<Fault>().unwrap().exit,
            Exit::Usage,
            "{name:?}"
        );
    }
    for name in ["default", "a", "my-env_2.1", "0"] {
        assert_eq!(
            Workspace::below(Path::new("/b"), name).unwrap().path(),
            Path::new("/b").join(name)
        );
    }
}

#[test]
fn the_folder_is_private_and_a_second_creation_does_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let workspace = Workspace::below(&dir.path().join("deep/er"), "a").unwrap();
    let mode = || std::fs::metadata(workspace.path()).unwrap().permissions().mode() & 0o777;
    assert!(workspace.create().unwrap());
    assert_eq!(mode(), 0o700);
    assert!(!workspace.create().unwrap());
    std::fs::set_permissions(workspace.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(workspace.create().unwrap());
    assert_eq!(mode(), 0o700);
}

#[test]
fn a_folder_that_another_user_laid_out_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let workspace = Workspace::below(dir.path(), "a").unwrap();
    std::fs::create_dir(workspace.path()).unwrap();
    // Only root can give a folder away.
    if std::os::unix::fs::chown(workspace.path(), Some(12345), None).is_err() {
        return;
    }
    let open = |mode| std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    open(0o1777);
    let error = workspace.create().unwrap_err();
    assert!(error.to_string().contains("belongs to another user"), "{error}");
    // Nor is anything in it believed.
    let error = workspace.record().unwrap_err();
    assert!(error.to_string().contains("belongs to another user"), "{error}");
    // The folder of all workspaces can be another's, or a link of another's.
    let theirs = Workspace::below(&dir.path().join("home"), "a").unwrap();
    std::fs::create_dir_all(theirs.path()).unwrap();
    std::os::unix::fs::chown(dir.path().join("home"), Some(12345), None).unwrap();
    let own = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(own.path(), dir.path().join("link")).unwrap();
    std::os::unix::fs::lchown(dir.path().join("link"), Some(12345), None).unwrap();
    let linked = Workspace::below(&dir.path().join("link"), "a").unwrap();
    for refused in [&theirs, &linked] {
        assert!(refused.record().is_err() && refused.create().is_err());
        assert!(crate::outputs::load(refused).is_err());
    }
    open(0o755);
    for workspace in [workspace, theirs, linked] {
        assert_eq!(workspace.record().unwrap(), None);
        workspace.create().unwrap();
    }
}

#[test]
fn the_record_comes_back_and_is_not_rewritten() {
    let dir = tempfile::tempdir().unwrap();
    let workspace = Workspace::below(dir.path(), "a").unwrap();
    assert_eq!(workspace.record().unwrap(), None);
    workspace.create().unwrap();
    assert!(workspace.write_record(&sample()).unwrap());
    assert_eq!(workspace.record().unwrap(), Some(sample()));
    assert!(!workspace.write_record(&sample()).unwrap());
}

#[test]
fn removal_takes_what_is_ours_and_keeps_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let workspace = Workspace::below(dir.path(), "a").unwrap();
    assert!(workspace.remove().unwrap().is_empty());
    workspace.create().unwrap();
    workspace.write_record(&sample()).unwrap();
    std::os::unix::fs::symlink(INVENTORY, workspace.path().join(INVENTORY_LINK)).unwrap();
    std::fs::write(workspace.path().join(".irs-left-by-a-kill"), "").unwrap();
    std::fs::write(workspace.path().join("notes.txt"), "mine").unwrap();
    assert_eq!(workspace.remove().unwrap().len(), 3);
    assert_eq!(std::fs::read_dir(workspace.path()).unwrap().count(), 1);
    std::fs::remove_file(workspace.path().join("notes.txt")).unwrap();
    workspace.remove().unwrap();
    assert!(!workspace.path().exists());
}
