# The file $1 without what irs put at its top.
without_block() { sed '/^# Made by irs/,/^# irs: end$/d' "$1"; }
# Lets sshd read its configuration anew: connections stay, and a restart that fails would lock everybody out.
reload() {
  if [ -d /run/systemd/system ]; then
    for unit in ssh sshd; do
      if systemctl is-active --quiet "$unit.service"; then systemctl reload "$unit.service" && return; fi
    done
  fi
  [ -z "$listener" ] || kill -HUP "$listener"
}
