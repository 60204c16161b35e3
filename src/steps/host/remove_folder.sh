# Removes a deployment's folder with what killed runs left in it. $1: the folder, $2: the record's name.
set -u
[ -d "$1" ] || exit 0
other=$(find "$1" -mindepth 1 ! -type f | head -n 1)
if [ -n "$other" ]; then
  echo "'$other' is not irs's: move it away" >&2
  exit 1
fi
# The record goes last: while it is there, a killed removal can be told from somebody's folder.
find "$1" -mindepth 1 -type f ! -name "$2" -delete && rm -f -- "$1/$2" && rmdir -- "$1" || exit 1
# Images that killed runs left half-way in the cache: not written for a moment, and open nowhere.
find "$(dirname -- "$1")" -maxdepth 1 -type f -name 'irs-*.part' ! -newermt '3 seconds ago' | while IFS= read -r part; do
  [ -n "$(find /proc/[0-9]*/fd -lname "$part" 2>/dev/null | head -n 1)" ] || rm -f -- "$part"
done
