section arch; uname -m
find_sshd
settings=$(effective stack)
section sshd; printf '%s\n' "$settings" | grep -E '^(port|listenaddress|maxsessions|maxstartups|allowusers|allowgroups) '
section sshd-raised; grep -lx '# Made by irs.*' /etc/ssh/sshd_config.d/00-irs.conf "$config" 2>/dev/null
section sshd-host-keys
printf '%s\n' "$settings" | sed -n 's/^hostkey //p' | while read -r key; do cat "$key.pub" 2>/dev/null; done
section stack
account=$(getent passwd stack 2>/dev/null)
if [ -n "$account" ]; then
  echo "$account"
  home=${account%:*} home=${home##*:}
  file=$(keys_file stack "$home" "$(printf '%s\n' "$settings" | sed -n 's/^authorizedkeysfile //p')") &&
    own_lines "$file" | grep -E ' irs:[^ ]+$' | sed 's/^/key /'
  echo "groups $(id -Gn stack 2>/dev/null)"
  # To ask polkit for its version takes longer than all the rest.
  right=
  for rule in /etc/polkit-1/rules.d/50-irs-stack.rules /etc/polkit-1/localauthority/50-local.d/50-irs-stack.pkla; do
    if [ -e "$rule" ] && [ "$(cat "$rule")" = "$(rule_text stack)" ]; then right=yes; fi
  done
  if [ -z "$right" ]; then
    find_polkit stack
    [ -z "$rule" ] || echo "rule $rule"
  fi
  group=$(socket_group)
  [ -z "$group" ] || echo "socket $group"
fi
