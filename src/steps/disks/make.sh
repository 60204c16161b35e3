# Makes a disk whole, and then gives it its name. $1: folder, $2: name, $3: bytes, $4: preallocation, $5: blank, overlay or
# copy, $6: the image's path, $7: its format.
set -eu
# What is made here is marked, and goes with the last disk in it. Another disk may be making the same folder just now.
folder() {
  [ ! -d "$1" ] || return 0
  folder "$(dirname -- "$1")"
  if mkdir -m 0711 -- "$1" 2>/dev/null; then : >"$1/.irs"; else [ -d "$1" ] || mkdir -- "$1"; fi
}
folder "$1"
# Somebody may have put a link there since it was looked at.
open=$(open_folder "$1")
[ -z "$open" ] || { echo "everybody may change what is in '$open'" >&2; exit 1; }
umask 077
# What a killed run may still write has no name any more, and gets none.
rm -f -- "$1/$2".*.part
part=$1/$2.$$.part
trap 'rm -f -- "$part"' EXIT
trap 'exit 143' TERM
case $5 in
blank)
  # A quarter of the time and of the space that the tables of 64 KiB clusters take.
  cluster=65536
  [ "$4" != metadata ] || cluster=524288
  qemu-img create -q -f qcow2 -o "compat=1.1,preallocation=$4,cluster_size=$cluster" -- "$part" "$3"
  ;;
overlay) qemu-img create -q -f qcow2 -o compat=1.1 -b "$6" -F "$7" -- "$part" "$3" ;;
copy)
  qemu-img convert -q -f "$7" -O qcow2 -o "compat=1.1,preallocation=$4" -- "$6" "$part"
  qemu-img resize -q -f qcow2 --preallocation="$4" -- "$part" "$3"
  ;;
esac
# A dead client's last command may have made it meanwhile: then it stays.
mv -n -- "$part" "$1/$2"
