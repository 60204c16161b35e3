# What is at the paths of disks that do not live in the pool. Pairs of arguments: a path, and the name of a disk if it is a folder.
set -u
info() { qemu-img info -U --output=json -- "$1" 2>/dev/null || echo '{}'; }
while [ $# -gt 1 ]; do
  if [ -d "$1" ]; then
    echo '#folder'
    [ ! -e "${1%/}/$2" ] || info "${1%/}/$2"
  elif [ -f "$1" ] || [ -b "$1" ]; then
    echo '#existing'
    info "$1"
  elif [ -e "$1" ]; then echo '#other'; else echo '#absent'; fi
  shift 2
done
