//! The locale, where the image can make it: Debian's `locale-gen` makes those that a file names, and not the one that
//! cloud-init asks it for.

const SCRIPT: &str = include_str!("locale.sh");

/// A script for root of the node that has the next `locale-gen` make this one.
pub(super) fn script(locale: &str) -> String {
    format!("locale='{locale}'\n{SCRIPT}")
}

#[cfg(test)]
mod tests {
    use super::script;
    use std::path::Path;
    use std::process::Command;

    fn run(root: &Path, locale: &str) -> String {
        let run = Command::new("sh")
            .args(["-c", &script(locale), "sh"])
            .arg(root)
            .output()
            .unwrap();
        assert!(run.status.success() && run.stderr.is_empty(), "{run:?}");
        std::fs::read_to_string(root.join("etc/locale.gen")).unwrap_or_default()
    }

    #[test]
    fn a_locale_that_the_image_knows_is_named_once() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert_eq!(run(root, "de_DE.UTF-8"), "", "no Debian");
        for path in ["etc", "usr/share/i18n"] {
            std::fs::create_dir_all(root.join(path)).unwrap();
        }
        let known = "de_DE.UTF-8 UTF-8\nde_DE ISO-8859-1\nde_DE@euro ISO-8859-15\n";
        std::fs::write(root.join("usr/share/i18n/SUPPORTED"), known).unwrap();
        std::fs::write(root.join("etc/locale.gen"), "# de_DE.UTF-8 UTF-8\n").unwrap();
        let named = "# de_DE.UTF-8 UTF-8\nde_DE.UTF-8 UTF-8\n";
        for locale in ["de_DE.UTF-8", "de_DE.utf8", "xx_YY.UTF-8"] {
            assert_eq!(run(root, locale), named, "{locale}");
        }
        assert_eq!(
            run(root, "de_DE@euro"),
            format!("{named}de_DE@euro ISO-8859-15\n")
        );
    }
}
