//! Secrets on the command line: everybody on this machine sees them in the process list, and the shell's history keeps them.

use crate::secret;
use crate::url;
use clap::ArgMatches;
use clap::parser::ValueSource;

/// What to say of each flag of the command line that shows a secret.
pub(super) fn notes(flags: &ArgMatches) -> Vec<String> {
    let is_shown = |id: &str| {
        let said = flags.value_source(id) == Some(ValueSource::CommandLine);
        let mut raw = flags.try_get_raw(id).ok().flatten().into_iter().flatten();
        said && (id == "vnc_password" || raw.any(|value| url::has_secret(&value.to_string_lossy())))
    };
    let ids = flags.ids().map(clap::Id::as_str);
    // What is handed on to ssh or Ansible is theirs to hide.
    ids.filter(|id| *id != "words" && flags.try_contains_id(id).is_ok() && is_shown(id))
        .map(|id| {
            // The image of 'irs image pull' is no flag, and has the variable of one.
            let id = if id == "source" { "image_url" } else { id };
            let file = match id {
                "vnc_password" => " or --vnc-password-file FILE",
                _ => "",
            };
            format!(
                "the password in --{} stands in the process list while irs runs: {}{file} keeps it to yourself",
                id.replace('_', "-"),
                secret::variable(id)
            )
        })
        .collect()
}
