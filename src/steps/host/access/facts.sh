section arch; uname -m
find_sshd
settings=$(effective stack)
section sshd; printf '%s\n' "$settings" | grep -E '^(port|listenaddress|maxsessions|maxstartups) '
section sshd-raised; grep -lx '# Made by irs.*' /etc/ssh/sshd_config.d/00-irs.conf "$config" 2>/dev/null
section sshd-host-keys
printf '%s\n' "$settings" | sed -n 's/^hostkey //p' | while read -r key; do cat "$key.pub" 2>/dev/null; done
section stack
account=$(getent passwd stack 2>/dev/null)
if [ -n "$account" ]; then
  echo "$account"
  home=${account%:*} home=${home##*:}
  file=$(keys_file stack "$home" "$(printf '%s\n' "$settings" | sed -n 's/^authorizedkeysfile //p')") &&
    grep -E ' irs:[^ ]+$' "$file" 2>/dev/null | sed 's/^/key /'
  echo "groups $(id -Gn stack 2>/dev/null)"
fi
find_polkit stack
[ -z "$rule" ] || [ "$(cat "$rule" 2>/dev/null)" = "$(rule_text stack)" ] || echo "rule $rule"
group=$(socket_group)
[ -z "$group" ] || echo "socket $group"
