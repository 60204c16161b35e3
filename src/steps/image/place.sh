# Gives a complete, checked image its name in the cache. $1: folder, $2: the file's name now, $3: its name to be, $4: index
# file or nothing, $5: what came, where the file was made of that, $6: its SHA-256 where its name says another, $7: whence,
# $8: the sums of the packed file that it was in, $9: a script for what is to be done then, or nothing, and its arguments.
set -eu
cd -- "$1"
umask 022
# Who takes images out of the cache, or is about to use one, waits.
images_lock . -x
if [ ! -e "$2" ] && [ -s "$3" ] && [ -e "$3.seal" ]; then
  # Another run that brought the same was faster.
  :
else
  sum=$6
  from=$(sed -n 's/^from //p' -- "$3.seal" 2>/dev/null || :)
  came=$({ sed -n 's/^came //p' -- "$3.seal" 2>/dev/null || :; printf '%s\n' "$8"; } | sort -u)
  # Nobody writes to it: root and the emulator alike.
  chmod 0444 -- "$2"
  # Nodes may lie over the one that is there: it stays when it is the same.
  if cmp -s -- "$2" "$3" || { [ -n "$6" ] && [ "$(seal_state "$3")" = good ] && seal_whole "$3"; }; then
    rm -f -- "$2"
    chmod 0444 -- "$3"
    # Another version of qemu-img may have written it otherwise.
    [ -z "$sum" ] || sum=$(seal_line "$3" sha256)
  else
    mv -f -- "$2" "$3"
  fi
  {
    stat -c '%s %Y' -- "$3"
    echo "head $(seal_head "$3")"
    [ -z "$sum" ] || echo "sha256 $sum"
    { [ -z "$from" ] || printf '%s\n' "$from" | grep -vxF -e "$7" || :; printf '%s\n' "$7"; } | sed 's/^/from /'
    printf '%s\n' "$came" | sed -n '/./s/^/came /p'
    echo "placed $(date +%s)"
  } >"$3.seal.$$"
  mv -f -- "$3.seal.$$" "$3.seal"
  rm -f -- "$5" "$5.head"
fi
if [ -n "$4" ]; then
  printf %s "$3" >".$4.$$"
  mv -f -- ".$4.$$" "$4"
fi
# What killed runs left half-way.
find . -maxdepth 1 -type f \( -name 'irs-*.part' -o -name 'irs-*.part.head' -o -name 'irs-*.part.new' \) -mmin +60 -delete
# In this very command: whoever asked for it may be lost before the next one.
if [ -n "$9" ]; then
  also=$9
  shift 9
  sh -c "$also" sh "$@"
fi
