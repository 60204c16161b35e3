# Deletes a file, and the folders that irs made for it once nothing else is in them. $1: its path; $2: 'parts', when irs made it.
set -eu
rm -f -- "$1"
[ "$2" != parts ] || rm -f -- "$1".*.part
folder=$(dirname -- "$1")
while [ -e "$folder/.irs" ] && [ "$(ls -A -- "$folder")" = .irs ]; do
  # Another disk's removal may have come before.
  rm -f -- "$folder/.irs" && rmdir -- "$folder" 2>/dev/null || break
  folder=$(dirname -- "$folder")
done
