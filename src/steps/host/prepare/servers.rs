//! Servers that tests look at, each put together from recordings and from what was written by hand.

use super::recorded::Server;
use std::sync::LazyLock;

/// What `read.sh` answers on a server.
pub type Answer = LazyLock<String>;

/// RHEL 7 with a desktop, libvirt and an old iPXE, on an Intel machine.
pub const INTEL: Server = Server {
    machine: "x86_64",
    os_release: "rhel-7",
    lscpu: Some("core-i5-m560"),
    cpuinfo: Some("core-i7-4800mq"),
    lsmod: &["centos-7-intel"],
    rpm: Some("recorded/rpm/rhel-7-server-with-gui"),
    rest: include_str!("testdata/written/rhel-7-bare.txt"),
};
/// An AMD machine; there is no recording of its /proc/cpuinfo, and lscpu says the same.
pub const AMD: Server = Server {
    lscpu: Some("epyc-7451"),
    cpuinfo: None,
    lsmod: &["el8-amd"],
    ..INTEL
};

/// The same.
pub static RHEL_7: Answer = LazyLock::new(|| INTEL.answer());
/// CentOS 7 as it is delivered for clouds.
pub static CENTOS_7: Answer = LazyLock::new(|| {
    let server = Server {
        os_release: "centos-7",
        rpm: Some("recorded/rpm/centos-7-bare"),
        ..INTEL
    };
    server.answer()
});
/// A guest of KVM under Rocky 8 with SELinux.
pub static ROCKY_8: Answer = LazyLock::new(|| {
    let server = Server {
        os_release: "rocky-8",
        lscpu: Some("guest-of-kvm"),
        cpuinfo: Some("guest-of-kvm"),
        lsmod: &[],
        rpm: Some("written/rpm/rocky-8-selinux"),
        rest: include_str!("testdata/written/rocky-8-selinux.txt"),
        ..INTEL
    };
    server.answer()
});
/// CentOS Stream 9 with nothing installed.
pub static STREAM_9: Answer = LazyLock::new(|| {
    let server = Server {
        os_release: "centos-stream-9",
        rpm: Some("written/rpm/centos-stream-9-bare"),
        rest: include_str!("testdata/written/centos-stream-9-bare.txt"),
        ..AMD
    };
    server.answer()
});
/// Rocky 9 after libvirt was installed.
pub static ROCKY_9: Answer = LazyLock::new(|| {
    let server = Server {
        os_release: "rocky-9",
        rpm: Some("recorded/rpm/el9-hypervisor"),
        rest: include_str!("testdata/written/alma-10-ready.txt"),
        ..AMD
    };
    server.answer()
});
/// AlmaLinux 10 that has everything.
pub static ALMA_10: Answer = LazyLock::new(|| {
    let server = Server {
        os_release: "almalinux-10",
        lsmod: &["vhost", "amd-with-guests"],
        rpm: Some("written/rpm/alma-10-ready"),
        rest: include_str!("testdata/written/alma-10-ready.txt"),
        ..AMD
    };
    server.answer()
});
/// Fedora with nothing installed.
pub const FEDORA: Server = Server {
    os_release: "fedora-42",
    lsmod: &["fedora-43-intel"],
    rpm: Some("written/rpm/fedora-42-bare"),
    rest: include_str!("testdata/written/fedora-42-bare.txt"),
    ..INTEL
};
/// openSUSE Leap with nothing installed.
pub const SUSE: Server = Server {
    os_release: "opensuse-leap-15",
    rpm: Some("written/rpm/opensuse-leap-15-bare"),
    rest: include_str!("testdata/written/opensuse-leap-15-bare.txt"),
    ..INTEL
};
/// The same.
pub static LEAP: Answer = LazyLock::new(|| SUSE.answer());
/// POWER9 without a hypervisor below.
pub const POWER: Server = Server {
    machine: "ppc64le",
    os_release: "almalinux-10",
    lscpu: None,
    cpuinfo: Some("power9"),
    lsmod: &[],
    rpm: Some("written/rpm/power-9-bare"),
    rest: include_str!("testdata/written/power-9-bare.txt"),
};
