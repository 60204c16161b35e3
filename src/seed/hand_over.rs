//! How an undercloud is given the key by which it powers nodes: the same at its first boot and later, over SSH.

use crate::ironic::Handed;

/// A script for root of the node, with a secret in it, that gives the key to root and to `user`, and makes the host known.
///
/// The key becomes their default one, where they have none; files of their own stay as they are.
pub fn script(handed: &Handed, user: &str) -> String {
    let known_hosts = handed.known_hosts.trim_end();
    let key = handed.key.reveal().trim_end();
    format!(
        r#"set -eu
umask 077
known=$(cat <<'IRS'
{known_hosts}
IRS
)
key=$(cat <<'IRS'
{key}
IRS
)
all=/etc/ssh/ssh_known_hosts
printf '%s\n' "$known" | while IFS= read -r line; do
  grep -qsxF -- "$line" "$all" || printf '%s\n' "$line" >>"$all"
done
[ ! -e "$all" ] || chmod 644 "$all"
for user in root {user}; do
  account=$(getent passwd "$user") || continue
  home=${{account%:*}} home=${{home##*:}}
  group=$(id -g "$user")
  [ -d "$home/.ssh" ] || install -d -m 700 -o "$user" -g "$group" "$home/.ssh"
  file=$home/.ssh/id_rsa
  [ ! -e "$file" ] || [ "$(cat "$file")" = "$key" ] || file=$home/.ssh/irs_stack
  printf '%s\n' "$key" >"$file.irs-new"
  chown "$user:$group" "$file.irs-new"
  mv "$file.irs-new" "$file"
  if command -v restorecon >/dev/null 2>&1; then restorecon -R "$home/.ssh" || true; fi
done
"#
    )
}
