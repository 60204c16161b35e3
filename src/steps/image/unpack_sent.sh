# Unpacks an image that was sent; says its size, checksums and head. $1: folder, $2: the packed file, $3: what unpacks it,
# $4: what it becomes, $5: the packed file's SHA-256, $6: a checksum of it that is
# wanted, or nothing.
set -eu
cd -- "$1"
umask 077
state=$(mktemp -d)
trap 'rm -rf -- "$state"' EXIT
trap 'rm -f -- "$4"; exit 143' TERM
(set +e; unpack "$3" "$2" 4194304 "$4" "$state"; : >"$state/done") &
until [ -e "$state/done" ]; do
  if [ "$(room_left)" != yes ] && [ -s "$state/writer" ]; then
    : >"$state/crowded"
    kill -- "$(cat "$state/writer")" 2>/dev/null || :
  fi
  sleep 0.1
done
if ! unpacked_whole "$state"; then
  rm -f -- "$4" "$2"
  exit 65
fi
printf 'packed=%s\nsha256=%s\nplain_size=%s\nplain_sha256=%s\n' "$3" "$5" "$(stat -c %s -- "$4")" "$(cat "$state/sum")"
if [ "$6" = sha512 ]; then printf 'plain_sha512=%s\n' "$(sha512sum <"$4" | cut -d' ' -f1)"; fi
rm -f -- "$2"
touch -- "$4"
od -An -v -tx1 -N 65536 -- "$4"
