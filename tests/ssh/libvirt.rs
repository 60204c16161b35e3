//! The way to libvirt: a real libvirtd in namespaces of its own, seen by an sshd there.

use crate::sshd::Sshd;
use irs::error::Report;
use irs::remote::{Host, TunnelGuard};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use virt::connect::Connect;

/// Empty folders in place of libvirt's, and (unless `$1` is empty) a libvirtd without any network; all
/// of it ends with what the script becomes.
pub const LIBVIRTD: &str = r#"
for d in /run/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt /etc/libvirt; do
  mkdir -p $d; mount -t tmpfs none $d || exit 1
done
printf 'auth_unix_rw = "none"\nunix_sock_group = "root"\n' >/etc/libvirt/libvirtd.conf
if [ -n "$1" ]; then
  unshare --net setpriv --pdeathsig KILL libvirtd -p /run/libvirt/test.pid >/dev/null 2>&1 &
fi
shift
"#;

const SSHD: &str = r#"exec /usr/sbin/sshd "$@""#;

fn hypervisor(libvirtd: &str, more: &str) -> Sshd {
    let mut launcher = Command::new("unshare");
    launcher.args([
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        &format!("{LIBVIRTD}{SSHD}"),
        "sh",
        libvirtd,
    ]);
    Sshd::under(&mut launcher, &["ed25519"], more)
}

/// Connects, once libvirt runs there.
pub fn open(host: &Host) -> (String, TunnelGuard, Connect) {
    let end = Instant::now() + Duration::from_secs(20);
    let (uri, guard) = loop {
        match host.libvirt_uri() {
            Ok(way) => break way,
            Err(e) => assert!(Instant::now() < end, "{e:#}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    let libvirt = Connect::open(Some(&uri)).unwrap_or_else(|e| panic!("{e}, {:?}", guard.trouble()));
    (uri, guard, libvirt)
}

#[test]
fn libvirt_answers_through_a_forwarded_socket_and_through_its_helper() {
    virt::error::clear_error_callback();
    for more in [
        "",
        "AllowStreamLocalForwarding no",
        "DisableForwarding yes",
        "MaxSessions 1",
    ] {
        let sshd = hypervisor("yes", more);
        let host = sshd.connect().unwrap();
        let (uri, guard, libvirt) = open(&host);
        // Nothing is there any more for a killed irs to leave behind.
        let socket = Path::new(uri.split_once("socket=").unwrap().1);
        assert!(!socket.parent().unwrap().exists());
        drop(guard);
        assert!(libvirt.lib_version().unwrap() > 7_000_000);
        let xml = "<network><name>n</name></network>";
        let network = libvirt.define_network_xml(xml).unwrap();
        for _ in 0..200 {
            assert_eq!(libvirt.num_of_defined_networks().unwrap(), 1);
        }
        network.undefine().unwrap();
    }
}

#[test]
fn a_host_without_libvirt_is_told_from_one_that_cannot_be_reached() {
    let sshd = hypervisor("", "");
    let Err(error) = sshd.connect().unwrap().libvirt_uri() else {
        panic!("there is no libvirt")
    };
    let report = Report::of(&error);
    assert_eq!(report.exit_code, 4);
    assert!(
        report.message.contains("libvirt does not run on 'hv'"),
        "{report}"
    );
}
