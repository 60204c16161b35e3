# Gives a complete, checked image its name in the cache. $1: folder, $2: the file's name now, $3: its name to be, $4: index file or nothing.
set -eu
cd -- "$1"
chmod 0644 -- "$2"
# Nodes may lie over the one that is there: it stays when it is the same.
rm -f -- "$2.head"
if cmp -s -- "$2" "$3"; then rm -f -- "$2"; else mv -f -- "$2" "$3"; fi
stat -c '%s %Y' -- "$3" >"$3.seal"
if [ -n "$4" ]; then
  printf %s "$3" >".$4.$$"
  mv -f -- ".$4.$$" "$4"
fi
# What killed runs left half-way.
find . -maxdepth 1 -type f \( -name 'irs-*.part' -o -name 'irs-*.part.head' \) -mmin +60 -delete
