# What is in the cache of base images. $1: its folder. Only names of the kind that irs gives are looked at.
set -u
echo "now $(date +%s)"
cd -P -- "$1" 2>/dev/null || exit 0
# Links that lead into this folder from processes that have a file of it open.
open=$(find /proc/[0-9]*/fd -lname "$PWD/irs-*" -printf '%l\n' 2>/dev/null | sort -u)
is_open() { printf '%s\n' "$open" | grep -qxF -e "$PWD/$1" && echo open || echo -; }
base() {
  echo "base $1 $(seal_state "$1") $(stat -c '%d:%i %s %b %Y' -- "$1" 2>/dev/null || echo '- 0 0 0') $(is_open "$1")"
  echo "stamp $(images_stamp "$1")"
  if [ -e "$1" ]; then echo "header $(od -An -v -tx1 -N 64 -- "$1" | tr -d '\n')"; fi
  if [ -e "$1.seal" ]; then
    grep -e '^from ' -e '^placed ' -- "$1.seal"
    stat -c 'used %Y' -- "$1.seal"
  fi
}
for name in irs-base-* irs-url-* .irs-*; do
  case $name in *[!A-Za-z0-9._-]*) continue ;; esac
  if [ ! -f "$name" ] || [ -L "$name" ]; then continue; fi
  case $name in
  *.part | *.part.head | *.part.new | *.seal.* | .irs-*)
    echo "part $name $(stat -c '%s %b %Y' -- "$name") $(is_open "$name")" ;;
  *.seal)
    # Of one that is gone only the seal is left.
    [ -e "${name%.seal}" ] || base "${name%.seal}" ;;
  irs-url-*)
    echo "index $name $(stat -c %Y -- "$name") $(head -c 200 -- "$name" | tr -d '\0' | head -n 1)" ;;
  irs-base-*)
    base "$name" ;;
  esac
done
# After the stamps: who comes between them is seen by one or the other.
images_needed | sed 's/^/needed /'
exit 0
