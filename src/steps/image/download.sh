# Fetches an image into the cache's folder, resuming what an earlier run left, and unpacks it meanwhile; says sizes, checksums and head.
# $1: folder, $2: name of the partial file, $3: another checksum that is wanted (sha512, …), or nothing, $4: its index file,
# $5: 'packed', when a packed one stays as it is, $6: how many bytes are expected, or nothing; stdin: the state of that file when its reader found no image by it, and curl's
# configuration with a line for each place, as it may hold passwords. Says 'cached' and fetches nothing when another run has
# fetched the image since.
set -eu
# Whatever the umask is, nobody else can put anything there.
(umask 022; mkdir -p -- "$1")
cd -- "$1"
umask 077
part=$2
plain=${2%.part}.unpacked.part
IFS= read -r seen
config=$(cat)
if [ "$(stat -c '%i %y' -- "$4" 2>/dev/null || echo)" != "$seen" ]; then
  echo cached
  exit
fi
size() { stat -c %s -- "$part" 2>/dev/null || echo 0; }
# Its remark is kept for the end: what a further attempt repairs is nobody's trouble.
get() {
  said=$(printf '%s\n' "$config" | awk -v place="$place" '!/^url = / || ++at == place' |
    sh -c 'echo $$ >"$1"; shift; exec curl "$@"' sh "$state/curl" --config - --silent --show-error --fail --location --globoff \
      --proto '=http,https' --connect-timeout 30 --speed-limit 1 --speed-time 30 --output "$part" "$@" 2>&1)
}
afresh() {
  rm -f -- "$part" "$part.head"
  get --dump-header "$part.head"
}
# What tells this version of the resource from others, of the last answer after redirects: a strong ETag, else its date.
validator() {
  tr -d '\r' <"$part.head" | awk '
    /^HTTP\// { tag = date = "" }
    tolower($1) == "etag:" && $2 ~ /^"/ { tag = $2 }
    tolower($1) == "last-modified:" { sub(/^[^:]*: */, ""); date = $0 }
    END { print tag != "" ? tag : date }'
}
attempt() {
  if [ -s "$part" ] && [ -s "$part.head" ] && [ -n "$(validator)" ]; then
    get --continue-at - --header "If-Range: $(validator)" && return
    status=$?
    # A resource that changed meanwhile is sent whole, which curl refuses to append.
    case $status$said in 33* | 36* | 22*' 416'*) ;; *) return "$status" ;; esac
  fi
  afresh
}
# Fetches from one place.
from() {
  left=$tries
  while :; do
    before=$(size)
    status=0
    attempt || status=$?
    case $status in
    0) return 0 ;;
    # A server or a network in trouble, not one that refuses.
    7 | 16 | 18 | 28 | 35 | 52 | 55 | 56 | 92) ;;
    22) case $said in *' 408'* | *' 429'* | *' 5'??*) ;; *) left=0 ;; esac ;;
    *) left=0 ;;
    esac
    # Whatever came is not fetched again.
    if [ "$(size)" -gt "$before" ]; then left=$tries; fi
    left=$((left - 1))
    [ "$left" -gt 0 ] || return "$status"
    sleep 1
  done
}
fetch() {
  places=$(printf '%s\n' "$config" | grep -c '^url = ')
  place=0
  while :; do
    place=$((place + 1))
    # Where there is another place, one that is in trouble is not waited for.
    tries=3
    [ "$place" = "$places" ] || tries=1
    status=0
    from || status=$?
    if [ "$status" = 0 ]; then
      echo "$place" >"$state/place"
      return 0
    fi
    # Ended by us, it has nothing to say.
    [ -e "$state/crowded" ] || printf 'place %s: %s\n' "$place" "$said" >&2
    # No place gives room.
    if [ "$status" = 23 ] || [ -e "$state/crowded" ] || [ "$place" = "$places" ]; then return "$status"; fi
  done
}
state=$(mktemp -d)
trap 'rm -rf -- "$state"' EXIT
trap 'rm -f -- "$plain"; exit 143' TERM
(
  set +e
  fetch
  echo $? >"$state/fetched.new"
  mv -- "$state/fetched.new" "$state/fetched"
) &
fetcher=$!
until [ -e "$state/fetched" ] || [ "$(size)" -ge 6 ]; do sleep 0.05; done
program=
[ "$5" = packed ] || program=$(unpacker "$part")
if [ -n "$program" ]; then
  (set +e; unpack "$program" "$part" "$fetcher" "$plain" "$state"; : >"$state/done") &
fi
until [ -e "$state/fetched" ]; do
  # For as much as was expected there was room; what goes on without end leaves some to others.
  if [ -n "$program" ] || [ "$(size)" -gt "${6:-0}" ]; then
    [ "$(room_left)" = yes ] || : >"$state/crowded"
  fi
  if [ -e "$state/crowded" ] && { [ -z "$program" ] || [ -s "$state/writer" ]; }; then
    kill -- "$(cat "$state/curl")" 2>/dev/null || :
    [ -z "$program" ] || kill -- "$(cat "$state/writer")" 2>/dev/null || :
  fi
  sleep 0.1
done
wait "$fetcher" 2>/dev/null || :
status=$(cat "$state/fetched")
if [ -n "$program" ]; then
  until [ -e "$state/done" ]; do
    # After a download that failed nobody wants it.
    if [ "$status" != 0 ] || [ "$(room_left)" != yes ]; then
      [ "$status" != 0 ] || : >"$state/crowded"
      [ ! -s "$state/writer" ] || kill -- "$(cat "$state/writer")" 2>/dev/null || :
    fi
    sleep 0.1
  done
fi
if [ -z "$program" ] && [ "$status" != 0 ] && [ -e "$state/crowded" ]; then
  rm -f -- "$part" "$part.head"
  echo "No space left on device: more comes than there is room for in $(pwd)" >&2
  exit 23
fi
if [ "$status" != 0 ] && [ ! -e "$state/crowded" ]; then
  rm -f -- "$plain"
  exit "$status"
fi
if [ "$5" != packed ] && [ ! -e "$state/crowded" ]; then
  now=$(unpacker "$part")
  # It was fetched anew from its beginning, which the one that unpacked did not see.
  if [ "$now" != "$program" ] || { [ -n "$now" ] && [ "$(cat "$state/inode")" != "$(stat -c %i -- "$part")" ]; }; then
    program=$now
    rm -f -- "$plain"
    [ -z "$program" ] || unpack "$program" "$part" "$fetcher" "$plain" "$state"
  fi
fi
if [ -n "$program" ] && ! unpacked_whole "$state"; then
  rm -f -- "$plain" "$part" "$part.head"
  exit 65
fi
printf 'place=%s\nsize=%s\nsha256=%s\n' "$(cat "$state/place")" "$(size)" "$(sha256sum <"$part" | cut -d' ' -f1)"
if [ -n "$3" ]; then printf '%s=%s\n' "$3" "$("${3}sum" <"$part" | cut -d' ' -f1)"; fi
if [ -n "$program" ]; then
  printf 'packed=%s\nplain_size=%s\nplain_sha256=%s\n' "$program" "$(stat -c %s -- "$plain")" "$(cat "$state/sum")"
  if [ -n "$3" ]; then printf 'plain_%s=%s\n' "$3" "$("${3}sum" <"$plain" | cut -d' ' -f1)"; fi
  rm -f -- "$part" "$part.head"
  part=$plain
fi
# It is new from now on for those who clear up.
touch -- "$part"
od -An -v -tx1 -N 65536 -- "$part"
