# Takes base images out of the cache. $1: folder, $2: how many images; they follow, each with its stamp of before all disks
# were looked at; then other files. Says what became of each.
set -u
cd -P -- "$1" || exit 1
images_lock . -x || exit 1
left=$2
shift 2
needed=$(images_needed)
is_open() { [ -n "$(find /proc/[0-9]*/fd -lname "$PWD/$1" 2>/dev/null | head -n 1)" ]; }
while [ "$left" -gt 0 ]; do
  who=$(printf '%s\n' "$needed" | awk -v name="$1" 'index($0, name " ") == 1 { print substr($0, length(name) + 2); exit }')
  if [ -n "$who" ]; then
    echo "needed $1 $who"
  elif [ "$(images_stamp "$1")" != "$2" ]; then
    echo "needed $1 a run that came just now"
  elif is_open "$1"; then
    echo "open $1"
  else
    taken=$(stat -c %b -- "$1" 2>/dev/null || echo 0)
    if rm -f -- "$1" "$1.seal"; then echo "removed $1 $((taken * 512))"; fi
  fi
  left=$((left - 1))
  shift 2
done
for name; do
  [ -e "$name" ] || continue
  if is_open "$name"; then
    echo "open $name"
  else
    taken=$(stat -c %b -- "$name")
    if rm -f -- "$name"; then echo "removed $name $((taken * 512))"; fi
  fi
done
# What says of URLs where their content was, and nothing is there.
for index in irs-url-????????????????; do
  [ -f "$index" ] || continue
  base=$(head -n 1 -- "$index")
  [ -n "$base" ] && [ -e "$base" ] && continue
  rm -f -- "$index"
done
exit 0
