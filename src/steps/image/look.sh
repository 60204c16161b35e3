# Asks servers for an image: the headers of the first one that has it, and the beginning of the image as 'od' prints it, of a
# packed one the beginning of what is in it. Leaves nothing. stdin: curl's configuration, with a line for each place, as it
# may hold passwords.
set -u
folder=$(mktemp -d) || exit 1
trap 'rm -rf -- "$folder"' EXIT
config=$(cat)
places=$(printf '%s\n' "$config" | grep -c '^url = ')
place=0
while :; do
  place=$((place + 1))
  # A server that knows no ranges sends everything: 'head' ends that.
  printf '%s\n' "$config" | awk -v place="$place" '!/^url = / || ++at == place' |
    curl --config - --silent --show-error --fail --location --globoff --proto '=http,https' --max-time 60 --connect-timeout 30 \
      --range 0-65535 --dump-header "$folder/headers" 2>"$folder/errors" | head -c 65536 >"$folder/begin"
  [ ! -s "$folder/begin" ] || break
  why=$(grep -v 'Failed writing body' "$folder/errors") || why='the server sent nothing'
  printf 'place %s: %s\n' "$place" "$why" >&2
  [ "$place" -lt "$places" ] || exit 22
done
tr -d '\r' <"$folder/headers"
echo "irs-place: $place"
magic=$(od -An -v -tx1 -N 6 -- "$folder/begin" | tr -d ' \n')
program=
case $magic in
1f8b*) program=gzip ;;
fd377a585a00) program=xz ;;
28b52ffd*) program=zstd ;;
esac
if [ -n "$program" ]; then
  echo "irs-packed: $program"
  if command -v "$program" >/dev/null 2>&1; then
    # It ends too soon, of course.
    "$program" -dc <"$folder/begin" 2>/dev/null | head -c 65536 >"$folder/plain"
    mv -- "$folder/plain" "$folder/begin"
  else
    echo "irs-lacks: $program"
    : >"$folder/begin"
  fi
fi
od -An -v -tx1 -- "$folder/begin"
