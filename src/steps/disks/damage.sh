# What the disks in a folder begin with, all in one line of hexadecimal, then the length and path of each. The lengths come
# after: a disk that grows meanwhile is no shorter than its header says.
disk_heads() {
  set -- "$1"/*.qcow2
  [ -e "$1" ] || return 0
  head -q -c 64 -- "$@" | od -An -v -tx1 | tr -d '\n'
  echo
  stat -L -c '%s %n' -- "$@"
}
