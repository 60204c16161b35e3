# The beginnings of files that may lie over others. $1: how many folders; they follow, each with its depth, then files.
# The answer's fields end with a NUL: 'S', a file, its inode; 'H', a file, its first bytes as 'od' prints them; 'M', a file
# that is not there, or cannot be looked at.
set -u
heads='
  stat -L --printf "S\0%n\0%d:%i\0" -- "$@" 2>/dev/null
  for file; do
    printf "H\0%s\0" "$file"
    od -An -v -tx1 -N 1024 -- "$file" 2>/dev/null
    printf "\0"
  done'
left=$1
shift
while [ "$left" -gt 0 ]; do
  [ ! -d "$1" ] || find "$1/" -mindepth 1 -maxdepth "$2" \( -type f -o -xtype f -type l -o -xtype b \) -exec sh -c "$heads" sh {} + 2>/dev/null
  left=$((left - 1))
  shift 2
done
for file; do
  if [ -f "$file" ] || [ -b "$file" ]; then sh -c "$heads" sh "$file"; elif [ ! -e "$file" ]; then printf 'M\0%s\0' "$file"; fi
done
exit 0
