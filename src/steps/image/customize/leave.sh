# What libguestfs leaves when it is ended. Its sockets are root's in /tmp whatever it is told, in a folder that it cannot take
# away any more: empty, as it takes the sockets away at once. $work: the folder for all else; "begun" in it is older.
leave() {
  [ -z "${ended-}" ] ||
    find /tmp -maxdepth 1 -type d -name 'libguestfs??????' -user "$(id -u)" -empty -newer "$work/begun" -exec rmdir -- {} + 2>/dev/null
  rm -rf -- "$work"
}
trap 'ended=yes; exit 143' TERM
