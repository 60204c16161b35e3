//! What is done on a node at its first boot beside cloud-init's own modules, before the networks' servers can say otherwise
//! and before anything of the user's runs: /etc/hosts, a host name that no DHCP reply changes, the
//! locale's name, CA certificates, the kernel's console.

use super::{Seed, console, hosts, locale};

const HOST_NAME: &str = include_str!("host_name.sh");
const CERTIFICATES: &str = include_str!("certificates.sh");

/// What there is to do: what it is for, and a script.
pub(super) fn tasks(seed: &Seed) -> Vec<(&'static str, String)> {
    let mut tasks = vec![
        ("keeping the host name", HOST_NAME.to_owned()),
        ("the console on the serial line", console::SCRIPT.to_owned()),
    ];
    if let Some(name) = seed.locale {
        tasks.push(("naming the locale", locale::script(name)));
    }
    if let Some(block) = seed.hosts {
        tasks.push(("/etc/hosts", hosts::script(block, true)));
    }
    if !seed.certificates.is_empty() {
        let mut script = CERTIFICATES.to_owned();
        for (index, pem) in seed.certificates.iter().enumerate() {
            let pem = pem.trim_end();
            script += &format!("cat >\"$folder/irs-{:03}.crt\" <<'IRS'\n{pem}\nIRS\n", index + 1);
        }
        script += "$update >/dev/null\n";
        tasks.push(("trusting the CA certificates", script));
    }
    tasks
}

/// All of it for `bootcmd`, which runs with each boot: what was done once is not done again, what failed is.
///
/// It is text for a shell and no list of words, since one word of a command may have 128 KiB at most.
pub(super) fn script(seed: &Seed) -> String {
    let mut script = String::from(
        "# Of irs: once for a node, before its first network is up.\n\
         done=/var/lib/cloud/instance/sem/irs_early\n\
         if [ ! -e \"$done\" ]; then\nfailed=\nmkdir -p \"${done%/*}\"\n",
    );
    for (_, task) in tasks(seed) {
        script += &format!("(\n{task}) || failed=1\n");
    }
    script + "[ -n \"$failed\" ] || : >\"$done\"\n[ -z \"$failed\" ]\nfi\n"
}
