# What is at the paths of disks that do not live in the pool. Pairs of arguments: a path, and the name of a disk if it is
# a folder. Where irs would make a disk: the bytes that are free, and on which file system. Of a file that is there: its
# size and beginning. Where a folder is open to everybody, which one. What is in it is judged elsewhere: a program that guesses its format may open what it names.
set -u
space() {
  folder=$1
  while [ ! -d "$folder" ] && [ "$folder" != / ]; do folder=$(dirname -- "$folder"); done
  df -PB1 -- "$folder" 2>/dev/null | tail -n 1 | { read -r _ _ _ free _ mount && echo "$free $mount"; }
}
info() { qemu-img info -U -f qcow2 --output=json -- "$1" 2>/dev/null || echo '{}'; }
while [ $# -gt 1 ]; do
  if [ -d "$1" ]; then
    echo "#folder $(open_folder "$1")"
    space "$1"
    [ ! -e "${1%/}/$2" ] || info "${1%/}/$2"
  elif [ -b "$1" ]; then echo '#device'; elif [ -f "$1" ]; then
    echo '#existing'
    stat -L -c %s -- "$1"
    od -An -v -tx1 -N 65536 -- "$1"
  elif [ -e "$1" ]; then echo '#other'; else
    echo "#absent $(open_folder "$1")"
    space "$1"
  fi
  shift 2
done
