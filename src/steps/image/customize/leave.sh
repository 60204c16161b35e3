# What libguestfs leaves when it is ended. Its sockets are root's in /tmp whatever it is told, in a folder that it cannot take
# away any more: empty, as it takes the sockets away at once. $work: the folder for all else; "begun" in it is older.
leave() {
  [ -z "${ended-}" ] || sockets_since -newer "$work/begun"
  rm -rf -- "$work"
}
sockets_since() {
  find /tmp -maxdepth 1 -type d -name 'libguestfs??????' -user "$(id -u)" -empty "$@" -exec rmdir -- {} + 2>/dev/null
}
# Killed, nobody could: another one does it for it.
sockets_since -mmin +60
trap 'ended=yes; exit 143' TERM
