# Makes a qcow2 image of another one. $1: folder, $2: the image, $3: its format, $4: the qcow2 image's name, $5: the size of
# its disk in bytes, $6: what it is. Says the SHA-256 of what it made.
set -eu
cd -- "$1"
# What a killed one left is started over: half a conversion cannot be gone on with.
rm -f -- "$4" "$4.new"
trap 'rm -f -- "$4.new"' EXIT
trap 'exit 143' TERM
umask 077
qemu-img convert -q -f "$3" -O qcow2 -o compat=1.1 -- "$2" "$4.new"
qemu-img check -q -f qcow2 -- "$4.new"
made=$(qemu-img info -f qcow2 --output=json -- "$4.new" | sed -n 's/^    "virtual-size": \([0-9]*\),*$/\1/p' | head -n 1)
[ "$made" = "$5" ] || { echo "its disk has $made bytes in place of $5" >&2; exit 1; }
qemu-img compare -q -f "$3" -F qcow2 -- "$2" "$4.new" || { echo 'what it became has another content' >&2; exit 1; }
sum=$(sha256sum <"$4.new")
mv -- "$4.new" "$4"
echo "${sum%% *}"
