# The user that Ironic powers nodes as. $1: its name, $2: what marks it as made here; the key's line comes in.
set -eu
cd /
user=$1 about=$2
IFS= read -r line
# Runs for several environments may come here at once.
exec 9</etc/ssh
flock 9
group=$(socket_group)
if ! getent passwd "$user" >/dev/null; then
  set -- -m -c "$about" -p '*' -s "$(command -v bash || echo /bin/sh)"
  getent group "$user" >/dev/null && set -- "$@" -g "$user"
  useradd "$@" "$user" 9<&-
fi
account=$(getent passwd "$user")
gecos=${account%:*:*} gecos=${gecos##*:}
home=${account%:*} home=${home##*:}
if [ -n "$group" ] && [ "$gecos" = "$about" ]; then usermod -aG "$group" "$user"; fi
find_polkit "$user"
if [ -n "$rule" ]; then
  mkdir -p "${rule%/*}"
  rule_text "$user" >"$rule.new"
  chmod 644 "$rule.new"
  mv "$rule.new" "$rule"
  if command -v restorecon >/dev/null 2>&1; then restorecon "$rule" || true; fi
fi
find_sshd
file=$(keys_file "$user" "$home" "$(effective "$user" | sed -n 's/^authorizedkeysfile //p')") || {
  echo "sshd reads no file of authorized keys that is the user's own (AuthorizedKeysFile)" >&2
  exit 1
}
authorize "$user" "$home" "$file" " ${line##* }" "$line"
