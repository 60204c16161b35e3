# Lets sshd take more sessions and logins at once. $1: MaxSessions, $2: MaxStartups.
set -eu
sessions=$1 startups=$2 file=/etc/ssh/sshd_config.d/00-irs.conf
find_sshd
exec 9</etc/ssh
flock 9
valid() { "$sshd" -t -f "$1" >&2; }
valid "$config" || { echo "sshd's own configuration '$config' is faulty: nothing was changed" >&2; exit 1; }
before=$(effective root | grep -E '^(maxsessions|maxstartups) ' | paste -sd, -)
text="# Made by irs, which removes it with the last environment; until then it stands before: $before
MaxSessions $sessions
MaxStartups $startups"
enough() { effective root | grep -qx "maxsessions $sessions" && effective root | grep -qx "maxstartups $startups"; }
if [ -d "${file%/*}" ]; then
  printf '%s\n' "$text" >"$file.new"
  chmod 600 "$file.new"
  mv "$file.new" "$file"
  if command -v restorecon >/dev/null 2>&1; then restorecon "$file" || true; fi
  valid "$config" || { rm -f "$file"; echo "sshd takes no such limits: nothing was changed" >&2; exit 1; }
  enough || rm -f "$file"
fi
if [ ! -e "$file" ]; then
  # Nothing includes that folder, or something before it says otherwise: the first value of an option wins.
  config=$(readlink -f "$config")
  cp -a "$config" "$config.irs-new"
  { printf '%s\n# irs: end\n' "$text"; without_block "$config"; } >"$config.irs-new"
  valid "$config.irs-new" || { rm -f "$config.irs-new"; echo "sshd takes no such limits: nothing was changed" >&2; exit 1; }
  mv "$config.irs-new" "$config"
fi
reload
