//! Secrets on the command line: everybody on this machine sees them in the process list, and the shell's history keeps them.

use super::write::has_password;
use clap::ArgMatches;
use clap::parser::ValueSource;

/// What hides a password: the flag's id, and what to use in its place.
const HIDDEN: [(&str, &str); 6] = [
    ("vnc_password", "IRS_VNC_PASSWORD or --vnc-password-file FILE"),
    ("image_url", "IRS_IMAGE_URL"),
    ("image_mirror", "IRS_IMAGE_MIRROR"),
    ("image_proxy", "IRS_IMAGE_PROXY"),
    ("image_mirror_url", "IRS_IMAGE_MIRROR_URL"),
    ("topology_net_url", "IRS_TOPOLOGY_NET_URL"),
];

/// What to say of each flag of the command line that shows a secret.
pub(super) fn notes(flags: &ArgMatches) -> Vec<String> {
    let is_shown = |id: &str| {
        let said =
            flags.try_contains_id(id).is_ok() && flags.value_source(id) == Some(ValueSource::CommandLine);
        let mut raw = flags.try_get_raw(id).ok().flatten().into_iter().flatten();
        said && (id == "vnc_password" || raw.any(|value| has_password(&value.to_string_lossy())))
    };
    let shown = HIDDEN.iter().filter(|(id, _)| is_shown(id));
    shown
        .map(|(id, instead)| {
            let flag = id.replace('_', "-");
            format!("the password in --{flag} stands in the process list while irs runs: {instead} keeps it to yourself")
        })
        .collect()
}
