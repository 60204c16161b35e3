//! What a node without cloud-init is told: a script that `irs-first-boot`, which its image has, runs once.

use super::{Seed, SeedNic, early, hand_over, network_config};
use std::fmt::Write as _;
use std::net::IpAddr;

/// The name of the script in the seed.
pub(super) const NAME: &str = "first-boot";

const FUNCTIONS: &str = include_str!("first_boot.sh");

/// The script's text: what it knows to do, and then what this node is told.
pub(super) fn render(seed: &Seed) -> anyhow::Result<String> {
    let mut text = FUNCTIONS.to_owned();
    let mut say = |words: &[&str]| {
        let quoted: Vec<String> = words.iter().map(|word| quote(word)).collect();
        let _ = writeln!(text, "{}", quoted.join(" "));
    };
    say(&["try", "the host name", "call", seed.hostname]);
    let (private, public) = (seed.host_key_private.trim_end(), seed.host_key_public);
    say(&["try", "ssh: the host key", "identify", private, public]);
    let keys = seed.authorized_keys.join("\n");
    for user in ["root"].into_iter().chain(seed.username) {
        say(&["try", &format!("users: '{user}'"), "admit", user, &keys]);
    }
    say(&["begin_networks"]);
    for (position, nic) in seed.nics.iter().enumerate() {
        let servers = servers(nic);
        let addresses: Vec<String> = nic.addresses.iter().map(ToString::to_string).collect();
        let router = |v4: bool| {
            let found = nic.gateways.iter().find(|ip| ip.is_ipv4() == v4);
            found.map(IpAddr::to_string).unwrap_or_default()
        };
        let yes = |flag| if flag { "yes" } else { "no" };
        say(&[
            "nic",
            &format!("eth{position}"),
            &nic.mac.to_lowercase(),
            yes(nic.dhcp4),
            yes(nic.dhcp6),
            if nic.external { "external" } else { "" },
            &nic.mtu.map(|mtu| mtu.to_string()).unwrap_or_default(),
            &router(true),
            &router(false),
            &servers,
            nic.search.as_deref().filter(|_| !nic.dhcp4).unwrap_or_default(),
            &addresses.join(" "),
        ]);
    }
    let netplan = format!(
        "{{\"network\": {}}}",
        network_config::render(seed.nics)?.trim_end()
    );
    let all: Vec<String> = seed
        .nics
        .iter()
        .map(servers)
        .filter(|text| !text.is_empty())
        .collect();
    say(&["end_networks", &netplan, &all.join(" ")]);
    say(&["try", "growing the root file system", "grow"]);
    if let Some(mib) = seed.swap_mib.filter(|mib| *mib > 0) {
        say(&["try", "swap", "swap", &mib.to_string()]);
    }
    for (what, script) in early::tasks(seed) {
        task(&mut text, what, &script);
    }
    if let Some(locale) = seed.locale {
        let _ = writeln!(text, "try 'the locale' speak {}", quote(locale));
    }
    if let Some(handed) = seed.handed {
        let script = hand_over(handed, seed.username.unwrap_or("root"));
        task(&mut text, "the undercloud's key", &script);
    }
    let _ = writeln!(text, "finish {}", quote(seed.instance_id));
    Ok(text)
}

/// A script of its own, which may be longer than a word of a command.
fn task(text: &mut String, what: &str, script: &str) {
    let (what, script) = (quote(what), script.trim_end());
    let _ = writeln!(text, "task {what} <<'IRS_END_OF_TASK'\n{script}\nIRS_END_OF_TASK");
}

/// The name servers of a NIC that no DHCP tells any.
fn servers(nic: &SeedNic) -> String {
    let told = nic.gateways.iter().filter(|_| !nic.dhcp4);
    told.map(IpAddr::to_string).collect::<Vec<_>>().join(" ")
}

fn quote(word: &str) -> String {
    match !word.is_empty()
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-./:@,".contains(c))
    {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests;
