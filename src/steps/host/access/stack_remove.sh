# What is left of an environment on the user that Ironic powers nodes as. $1: the user's name, $2: what marks it as made
# here, $3: how the lines of its keys end, `:UUID`, or empty for those of all environments.
set -eu
cd /
user=$1 about=$2 end=$3
exec 9</etc/ssh
flock 9
account=$(getent passwd "$user") || account=
left=
if [ -n "$account" ]; then
  gecos=${account%:*:*} gecos=${gecos##*:}
  home=${account%:*} home=${home##*:}
  find_sshd
  if file=$(keys_file "$user" "$home" "$(effective "$user" | sed -n 's/^authorizedkeysfile //p')") && [ -f "$file" ]; then
    for mark in $(own_lines "$file" | sed -n 's/.* \(irs:[^ ]*\)$/\1/p'); do
      case $mark in
      *"$end") authorize "$user" "$home" "$file" " $mark" '' ;;
      *) left=yes ;;
      esac
    done
  fi
fi
[ -z "$left" ] || exit 0
for rule in "/etc/polkit-1/rules.d/50-irs-$user.rules" "/etc/polkit-1/localauthority/50-local.d/50-irs-$user.pkla"; do
  rm -f "$rule"
done
[ -n "$account" ] && [ "$gecos" = "$about" ] || exit 0
# Whoever is logged in as it came with keys that are gone.
uid=$(id -u "$user")
for process in /proc/[0-9]*; do
  if [ "$(stat -c %u "$process" 2>/dev/null)" = "$uid" ]; then kill "${process#/proc/}" 2>/dev/null || true; fi
done
# What userdel says of a mail box that was never there is no failure.
userdel -f -r "$user" 9<&- >&2 || { ! getent passwd "$user" >/dev/null; }
