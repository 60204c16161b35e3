# The file $1 without what irs put at its top.
without_block() { sed '/^# Made by irs/,/^# irs: end$/d' "$1"; }
# The sockets that sshd listens on.
listening() {
  for file in "/proc/$listener"/fd/*; do
    case $(readlink "$file") in
    socket:*) readlink "$file" ;;
    esac
  done 2>/dev/null | tr -dc '0-9\n' | while read -r inode; do
    awk -v inode="$inode" '$4 == "0A" && $10 == inode { print inode }' /proc/net/tcp /proc/net/tcp6 2>/dev/null
  done
}
# Lets sshd read its configuration anew: connections stay, and a restart that fails would lock everybody out.
reload() {
  before=
  [ -z "$listener" ] || before=$(listening)
  told=
  if [ -d /run/systemd/system ]; then
    for unit in ssh sshd; do
      if [ -z "$told" ] && systemctl is-active --quiet "$unit.service"; then systemctl reload "$unit.service" && told=yes; fi
    done
  fi
  [ -n "$listener" ] || return 0
  [ -n "$told" ] || kill -HUP "$listener"
  # It starts itself anew, and for a moment nobody listens.
  left=50
  while [ "$left" -gt 0 ]; do
    now=$(listening)
    [ -z "$now" ] || [ "$now" = "$before" ] || return 0
    left=$((left - 1))
    sleep 0.1
  done
}
