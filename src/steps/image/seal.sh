# Seals: what a base image in the cache must be, in a file beside it. Its first line is the size and the time of change, as
# ever; then the SHA-256 of its first 64 KiB (head), of all of it where its name does not say that (sha256), whence it came
# (from, any number of them), the sums of the packed files that it was in (came, likewise), when it was placed (placed), and
# what customize/look.sh found in it (guest).
# Takes the right to look at what is there (-s), or to change it (-x), until the script ends.
images_lock() {
  exec 9<"$1"
  # A network file system may lock no folders.
  flock "$2" 9 2>/dev/null || { exec 9</run && flock "$2" 9; }
}
seal_line() { sed -n "s/^$2 //p" -- "$1.seal" 2>/dev/null | head -n 1; }
seal_head() { head -c 65536 -- "$1" | sha256sum | cut -d' ' -f1; }
# Says 'good', 'gone' or 'changed'. Another time of change alone is not another content: then all of it is read.
seal_state() {
  [ -s "$1" ] || { echo gone; return; }
  is=$(stat -c '%s %Y' -- "$1")
  was=$(head -n 1 -- "$1.seal" 2>/dev/null) || was=
  [ -n "$was" ] || { echo good; return; }
  [ "${was% *}" = "${is% *}" ] || { echo changed; return; }
  head=$(seal_line "$1" head)
  [ -z "$head" ] || [ "$head" = "$(seal_head "$1")" ] || { echo changed; return; }
  if [ "$was" = "$is" ] || seal_whole "$1"; then echo good; else echo changed; fi
}
# Whether all of it is what it was when it was placed.
seal_whole() {
  whole=$(sha256sum <"$1")
  whole=${whole%% *}
  must=$(seal_line "$1" sha256)
  if [ -n "$must" ]; then [ "$must" = "$whole" ]; return; fi
  case ${1##*/} in irs-base-"$(printf %.32s "$whole")".*) ;; *) return 1 ;; esac
}
# What tells whether a run has said since that it needs an image, or placed it anew.
images_stamp() { stat -c '%i %i,%y' -- "$1" "$1.seal" 2>/dev/null | tr -d ' \n'; }
# The images of this folder that runs under way need, each with whose run that is: their leases' files say it.
images_needed() {
  for lock in /run/irs/deployment-*.lock; do
    grep -qs -e '^image ' -- "$lock" || continue
    # What a killed holder left.
    flock -n -- "$lock" true 2>/dev/null && continue
    who=$(head -n 1 -- "$lock")
    sed -n "s|^image $PWD/||p" -- "$lock" | sort -u | while IFS= read -r name; do echo "$name $who"; done
  done
}
