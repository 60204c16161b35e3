//! An sshd with accounts of its own: a user `tester` with a password, and sudo's rules for that user.

use crate::sshd::Sshd;
use std::io::Write;
use std::process::{Command, Stdio};

/// The password of `tester`, with what shells and protocols could trip over.
pub const PASSWORD: &str = "it's $a \"pass\\word\" 漢";

/// Binds accounts, PAM and sudo's rules of its own over this machine's, in a mount namespace: `HASH RULES`, then sshd's
/// arguments, of which the third is in the test's folder.
const ACCOUNTS: &str = r#"
hash=$1 rules=$2; shift 2
own=$(dirname "$3")/etc; mkdir "$own" || exit 1
for f in passwd group shadow; do cp /etc/$f "$own/$f"; done
echo 'tester:x:4242:4242::/:/bin/sh' >>"$own/passwd"
echo 'tester:x:4242:' >>"$own/group"
echo "tester:$hash:19000:0:99999:7:::" >>"$own/shadow"
mkdir "$own/pam.d" "$own/lectured"
for service in sshd sudo; do
    printf '%s\n' 'auth required pam_unix.so nodelay' 'account required pam_permit.so' 'session required pam_permit.so' >"$own/pam.d/$service"
done
cp "$own/pam.d/sudo" "$own/pam.d/other"
printf 'Defaults lecture=always\n%s\n' "$rules" >"$own/sudoers"
chmod 440 "$own/sudoers"
for f in passwd group shadow pam.d sudoers; do mount --bind "$own/$f" "/etc/$f" || exit 1; done
exec /usr/sbin/sshd "$@"
"#;

/// A rule that lets `tester` do all without a password.
pub const FREE: &str = "tester ALL=(ALL) NOPASSWD: ALL";

/// Such an sshd, whose client logs in as `tester` and has no key.
pub fn sshd(rules: &str, more: &str) -> Sshd {
    // Tests at the same time look for it in the list of processes.
    let mut openssl = Command::new("openssl")
        .args(["passwd", "-6", "-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    openssl
        .stdin
        .take()
        .unwrap()
        .write_all(PASSWORD.as_bytes())
        .unwrap();
    let hash = String::from_utf8(openssl.wait_with_output().unwrap().stdout).unwrap();
    let mut launcher = Command::new("unshare");
    launcher.args([
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        ACCOUNTS,
        "sh",
        hash.trim(),
        rules,
    ]);
    let sshd = Sshd::under(
        &mut launcher,
        &["ed25519"],
        &format!("AllowUsers tester root\n{more}"),
    );
    sshd.write_client("  User tester");
    std::fs::rename(sshd.path("login"), sshd.path("kept")).unwrap();
    sshd
}
