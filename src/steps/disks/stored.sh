# What lies in folders, and what images lie over. $1: how many folders; they follow, then pairs of a format and a file.
# The answer's fields end with a NUL: 'F', a folder, its entries (each after its type), nothing; or 'I', a file, JSON.
left=$1
shift
while [ "$left" -gt 0 ]; do
  printf 'F\0%s\0' "$1"
  [ ! -d "$1" ] || find "$1" -mindepth 1 -maxdepth 1 -printf '%y%f\0'
  printf '\0'
  left=$((left - 1))
  shift
done
while [ $# -gt 1 ]; do
  if [ -f "$2" ] && [ ! -L "$2" ]; then
    printf 'I\0%s\0' "$2"
    # A guest may have written what it likes into an image without a format: it is not looked into.
    case $1 in qcow2 | qed) qemu-img info -U -f "$1" --backing-chain --output=json -- "$2" 2>/dev/null ;; esac
    printf '\0'
  fi
  shift 2
done
