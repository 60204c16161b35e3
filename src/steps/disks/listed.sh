# The volumes in a folder whose pool does not run: "size name" a line, the virtual size in bytes. $1: the folder.
for file in "$1"/*; do
  [ -f "$file" ] || continue
  # A program that guesses a format may open what a file's header names.
  case $file in
  *.qcow2) size=$(qemu-img info -U -f qcow2 --output=json -- "$file" 2>/dev/null | sed -n 's/^    "virtual-size": \([0-9]*\),*$/\1/p' | head -n 1) ;;
  *) size=$(stat -c %s -- "$file" 2>/dev/null) ;;
  esac
  echo "${size:-0} ${file##*/}"
done
