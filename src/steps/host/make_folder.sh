# Makes a deployment's folder. QEMU's own user must be able to pass through, and nobody to look around. $1: the folder.
[ -d "$1" ] || { mkdir -p -- "$(dirname -- "$1")" && mkdir -m 0711 -- "$1"; } || exit 1
# Somebody may have put a link there since it was looked at.
open=$(open_folder "$1")
[ -z "$open" ] || { echo "everybody may change what is in '$open'" >&2; exit 1; }
