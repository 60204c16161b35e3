# Makes the customised form of a base image, once: a copy that libguestfs changes. $1: folder, $2: the base's name, $3: its format,
# $4: the index file, whose text is the name of the customised image; $5: the name while it is made; $6: "yes" where guests run by
# emulation. stdin: the script for the image.
set -u
cd -- "$1" || exit 1
made() {
  name=$(cat -- "$4" 2>/dev/null) && [ -n "$name" ] && [ "$(seal_state "$name")" = good ]
}
# Another run may have been here first.
if made "$@"; then exit 0; fi
LIBGUESTFS_BACKEND=direct LC_ALL=C
export LIBGUESTFS_BACKEND LC_ALL
if [ "$6" = yes ]; then
  LIBGUESTFS_BACKEND_SETTINGS=force_tcg
  export LIBGUESTFS_BACKEND_SETTINGS
fi
part=$5
# libguestfs leaves its own files when it is ended.
work=$(mktemp -d) || exit 1
: >"$work/begun"
LIBGUESTFS_TMPDIR=$work
export LIBGUESTFS_TMPDIR
script=$work/in-image
trap 'leave; rm -f -- "$part"' EXIT
cat >"$script"
rm -f -- "$part"
size=$(du -B1 --apparent-size -- "$2" | cut -f1)
[ "$3" != raw ] || size=$(du -B1 -- "$2" | cut -f1)
free=$(df -PB1 -- . | awk 'END { print $4 }')
if [ "$free" -lt $((size + 268435456)) ]; then
  echo "No space left on device: $((size + 268435456)) bytes are needed, $free are free" >&2
  exit 1
fi
case $3 in
qcow2) cp --reflink=auto -- "$2" "$part" ;;
*) qemu-img convert -q -f "$3" -O qcow2 -- "$2" "$part" ;;
esac || exit 1
chmod 0600 -- "$part"
# Newer ones label by themselves where the image has SELinux.
relabel=--selinux-relabel
virt-customize --help 2>&1 | grep -q -e "$relabel" || relabel=--quiet
virt-customize --quiet "$relabel" --no-network --format qcow2 -a "$part" --run "$script" >&2 || exit 1
# It is placed as any base is: place.sh follows.
name=irs-base-$(sha256sum <"$part" | cut -c1-32).qcow2
set -- "$1" "$part" "$name" "$4" "$part" '' "libguestfs, which customised $2" '' ''
