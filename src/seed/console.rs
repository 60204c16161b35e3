//! The kernel's console on the serial line, for images whose boot loader does not have it.

/// A script for root of the node; it leaves images alone whose kernel speaks there already, and never fails.
pub(super) const SCRIPT: &str = include_str!("console.sh");

#[cfg(test)]
mod tests {
    use super::SCRIPT;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::Command;

    /// A root file system with this command line and grub's defaults, and programs that note how they were called.
    fn image(cmdline: &str, programs: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for folder in ["proc", "etc/default", "bin"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        std::fs::write(root.path().join("proc/cmdline"), cmdline).unwrap();
        std::fs::write(
            root.path().join("etc/default/grub"),
            "GRUB_CMDLINE_LINUX=\"quiet\"\n",
        )
        .unwrap();
        for program in programs {
            let path = root.path().join("bin").join(program);
            let text = format!(
                "#!/bin/sh\necho {program} \"$@\" >>'{}'\n",
                root.path().join("called").display()
            );
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        root
    }

    fn run(root: &Path) -> (String, String) {
        let path = format!("{}:/usr/bin:/bin", root.join("bin").display());
        let run = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(root)
            .env("PATH", path)
            .output()
            .unwrap();
        assert!(run.status.success() && run.stderr.is_empty(), "{run:?}");
        let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap_or_default();
        (read("called"), read("etc/default/grub"))
    }

    #[test]
    fn an_image_that_speaks_on_the_serial_line_is_left_alone() {
        for cmdline in [
            "root=/dev/vda1 console=ttyS0 quiet\n",
            "console=tty0 console=ttyS0,115200n8\n",
        ] {
            let root = image(cmdline, &["grubby", "systemctl", "update-grub"]);
            let (called, defaults) = run(root.path());
            assert_eq!(
                (called.as_str(), defaults.as_str()),
                ("", "GRUB_CMDLINE_LINUX=\"quiet\"\n")
            );
        }
    }

    #[test]
    fn grub_is_told_once_by_what_the_distribution_has() {
        let cmdline = "root=/dev/vda1 console=ttyS01 quiet\n";
        let root = image(cmdline, &["grubby", "systemctl", "update-grub"]);
        let (called, defaults) = run(root.path());
        assert!(called.contains("grubby --update-kernel=ALL --args=console=tty0 console=ttyS0,115200n8"));
        assert!(called.contains("systemctl enable --now --no-block serial-getty@ttyS0.service"));
        assert!(!called.contains("update-grub") && defaults.lines().count() == 1);

        let root = image(cmdline, &["systemctl", "update-grub"]);
        run(root.path());
        let (called, defaults) = run(root.path());
        assert_eq!(called.matches("update-grub").count(), 1, "{called}");
        let shell = format!("{defaults}\necho \"$GRUB_CMDLINE_LINUX\"");
        let read = Command::new("sh").args(["-c", &shell]).output().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&read.stdout),
            "quiet console=tty0 console=ttyS0,115200n8\n"
        );
    }
}
