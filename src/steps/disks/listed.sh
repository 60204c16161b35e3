# The volumes in a folder whose pool does not run: "size name" a line, the virtual size in bytes. $1: the folder.
for file in "$1"/*; do
  [ -f "$file" ] || continue
  size=$(qemu-img info -U --output=json -- "$file" 2>/dev/null | sed -n 's/^    "virtual-size": \([0-9]*\),*$/\1/p' | head -n 1)
  echo "${size:-0} ${file##*/}"
done
