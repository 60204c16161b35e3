//! Who may use what: QEMU /dev/kvm and the folder of images, the login libvirt.

use super::{Asked, Change, Found, Requirement, Work};
use crate::plan::{Kind, Verb};
use crate::remote::Cmd;

/// The group that /dev/kvm is for.
const GROUP: &str = "kvm";

/// Where libvirt's AppArmor helper lets no guest's disk be, whatever the profile says.
const RESTRICTED: [&str; 13] = [
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lost+found",
    "/proc",
    "/sbin",
    "/sys",
    "/usr/bin",
    "/usr/lib",
    "/usr/sbin",
    "/usr/share",
];

pub(super) fn requirements(found: &Found, asked: &Asked) -> Vec<Requirement> {
    let mut rows = Vec::new();
    if asked.validate {
        rows.extend(device(found));
        rows.extend(qemu_user(found));
    }
    rows.extend(login(found));
    rows.extend(selinux(found, &asked.folder));
    rows.extend(apparmor(found, &asked.folder));
    rows
}

/// `/dev/kvm MODE USER GROUP`.
fn device(found: &Found) -> Option<Requirement> {
    let mut words = found
        .lines("devices")
        .find_map(|line| line.strip_prefix("/dev/kvm "))?
        .split(' ');
    let (mode, user, group) = (words.next()?, words.next()?, words.next()?);
    let shown = format!("{mode} {user}:{group}");
    let row = Requirement::met(
        "access to /dev/kvm",
        shown,
        format!("0660 root:{GROUP}, or open to all"),
    );
    let digit = |from_end: usize| {
        let digit = mode.chars().rev().nth(from_end).and_then(|c| c.to_digit(8));
        digit.unwrap_or(0) & 6 == 6
    };
    let (to_group, to_all) = (digit(1), digit(0));
    if to_all || (to_group && group == GROUP) {
        return Some(row);
    }
    Some(
        row.irs_does(Change {
            verb: Verb::Update,
            kind: Kind::File,
            name: "/dev/kvm".into(),
            reason: format!("it is {mode} {user}:{group}, and QEMU's user is in the group {GROUP}"),
            by_hand: "udevadm trigger --action=change --subsystem-match=misc --sysname-match=kvm".into(),
            work: Work::Run(Cmd::script(include_str!("kvm_device.sh"), &[])),
        })
        .by_every_run(),
    )
}

/// QEMU's own user must be in that group; guests that start from then on are.
fn qemu_user(found: &Found) -> Option<Requirement> {
    let line = found.lines("qemu-user").next()?;
    let mut words = line.split_whitespace();
    let user = words.next()?;
    let is_member = words.any(|group| group == GROUP);
    let row = Requirement::met(
        format!("QEMU's user '{user}'"),
        if is_member {
            format!("in the group {GROUP}")
        } else {
            format!("not in the group {GROUP}")
        },
        format!("in the group {GROUP}"),
    );
    let open = found
        .lines("devices")
        .any(|line| line.starts_with("/dev/kvm 666 "));
    if is_member || open || !found.lines("devices").any(|line| line.starts_with("/dev/kvm ")) {
        return is_member.then_some(row);
    }
    let by_hand = format!("usermod -a -G {GROUP} {user}");
    Some(
        row.irs_does(Change {
            verb: Verb::Update,
            kind: Kind::User,
            name: user.to_owned(),
            reason: format!("QEMU runs as it, and it is not in the group {GROUP} of /dev/kvm"),
            work: Work::Run(Cmd::new("usermod").args(["-a", "-G", GROUP, user])),
            by_hand,
        })
        .by_every_run(),
    )
}

/// irs works by sudo and needs no group; virsh by hand does.
fn login(found: &Found) -> Option<Requirement> {
    let user = found.word("login");
    let groups: Vec<&str> = found
        .lines("login-groups")
        .flat_map(str::split_whitespace)
        .collect();
    if user == "root" || groups.is_empty() {
        return None;
    }
    let session = || found.lines("session-groups").any(|group| group == "libvirt");
    let row = |shown: &str| {
        let needed = "in the group libvirt, for virsh without sudo (irs needs it not)";
        Requirement::met(format!("user '{user}'"), shown, needed)
    };
    Some(match (groups.contains(&"libvirt"), session()) {
        (true, true) => row("in the group libvirt"),
        (true, false) => {
            row("in the group libvirt since after this login").advised("log out there and in again")
        }
        (false, _) => row("not in the group libvirt").advised(format!(
            "usermod -a -G libvirt {user}, then log out there and in again"
        )),
    })
}

/// Types of SELinux's that guests may search and libvirt may relabel files in.
const IMAGE_TYPES: [&str; 4] = [
    "virt_image_t",
    "virt_var_lib_t",
    "svirt_image_t",
    "virt_content_t",
];

fn selinux(found: &Found, folder: &str) -> Option<Requirement> {
    let state = found.word("selinux");
    if state != "Enforcing" {
        return None;
    }
    let type_of = |label: &str| label.split(':').nth(2).unwrap_or_default().to_owned();
    let is = type_of(found.word("selinux-type"));
    let will_be = type_of(found.word("selinux-policy"));
    let is_good = |name: &str| IMAGE_TYPES.contains(&name);
    let needed = "a label that guests may use: virt_image_t";
    let row = |shown: &str| Requirement::met(format!("SELinux at {folder}"), shown, needed);
    let program = |name: &str| found.lines("programs").any(|there| there == name);
    let by_hand = format!("semanage fcontext -a -t virt_image_t '{folder}(/.*)?' && restorecon -R {folder}");
    let state = found.word("folder");
    if found.word("file-system").starts_with("nfs") {
        let fix = "on NFS labels are those of the mount: setsebool -P virt_use_nfs 1";
        return Some(row("on NFS").advised(fix));
    }
    let (shown, relabels) = match (is.as_str(), will_be.as_str()) {
        // A folder of libvirt's that its package is still to bring gets its label from the policy.
        ("", "") => return None,
        ("", policy) if is_good(policy) => return Some(row(&format!("to be made as {policy}"))),
        (is, _) if is_good(is) => return Some(row(is)),
        ("", policy) => (format!("to be made as {policy}"), true),
        (is, policy) => (is.to_owned(), is_good(policy) || state != "used"),
    };
    let row = row(&shown);
    // What lies in a folder that is in use belongs to somebody, and may need the label that it has.
    if !relabels {
        return Some(row.user_does(format!(
            "choose another --disk-pool, or give it the label: {by_hand}"
        )));
    }
    if !program("semanage") && !is_good(&will_be) {
        let fix = format!(
            "semanage is not there (package policycoreutils-python-utils, on version 7 policycoreutils-python): install it, then: {by_hand}"
        );
        return Some(row.user_does(fix));
    }
    Some(
        row.irs_does(Change {
            verb: Verb::Update,
            kind: Kind::File,
            name: folder.to_owned(),
            reason: format!("SELinux keeps guests from it: its type is {shown}"),
            work: Work::Run(Cmd::script(
                include_str!("relabel.sh"),
                &[folder, if is_good(&will_be) { "" } else { "virt_image_t" }],
            )),
            by_hand,
        })
        .by_every_run(),
    )
}

fn apparmor(found: &Found, folder: &str) -> Option<Requirement> {
    if found.word("apparmor") != "libvirt" {
        return None;
    }
    let row = |shown: &str| {
        let needed = "a folder that libvirt's AppArmor profiles give to guests";
        Requirement::met(format!("AppArmor at {folder}"), shown, needed)
    };
    let below = |top: &&&str| {
        let rest = folder.strip_prefix(**top);
        // /lib stands for /lib64 and its like as well.
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || **top == "/lib")
    };
    Some(match RESTRICTED.iter().find(below) {
        None => row("allowed"),
        Some(top) => row("refused to guests").user_does(format!(
            "libvirt refuses disks below {top}: choose another folder with --disk-pool, e.g. /var/lib/libvirt/images"
        )),
    })
}
