# Removes irs's files from a deployment's folder. $1: the folder, $2: the record's name, $3: the blueprint's; stdin: names in it, each ended by a NUL.
set -u
[ -d "$1" ] || exit 0
(cd -- "$1" && xargs -0 -r rm -f --) || exit 1
# What killed runs left, whose last calls libvirt may have finished a moment ago.
find "$1" -mindepth 1 -maxdepth 1 -type f \( -name '*-[0-9]*-*.qcow2' -o -name '*-[0-9]*-seed.img' -o -name '*.part' \
  -o -name "$2.*" -o -name "$3" -o -name "$3.*" \) -delete || exit 1
# The record goes last: while it is there, a killed removal can be told from somebody's folder. What others put there stays.
rm -f -- "$1/$2" || exit 1
[ -n "$(ls -A -- "$1")" ] || rmdir -- "$1" || exit 1
# Images that killed runs left half-way in the cache: not written for a moment, and open nowhere.
find "$(dirname -- "$1")" -maxdepth 1 -type f -name 'irs-*.part*' ! -newermt '3 seconds ago' | while IFS= read -r part; do
  [ -n "$(find /proc/[0-9]*/fd -lname "$part" 2>/dev/null | head -n 1)" ] || rm -f -- "$part"
done
