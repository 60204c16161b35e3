# Fetches a URL into the cache's folder, resuming what an earlier run left; says the file's size, checksums and head.
# $1: folder, $2: name of the partial file, $3: another checksum that is wanted (sha512, …), or nothing, $4: its index file;
# stdin: the state of that file when its reader found no image by it, and the URL as a line of curl's configuration, as it
# may hold a password. Says 'cached' and fetches nothing when another run has fetched the image since.
set -eu
mkdir -p -- "$1"
cd -- "$1"
umask 077
part=$2
IFS= read -r seen
config=$(cat)
if [ "$(stat -c '%i %y' -- "$4" 2>/dev/null || echo)" != "$seen" ]; then
  echo cached
  exit
fi
size() { stat -c %s -- "$part" 2>/dev/null || echo 0; }
# Its remark is kept for the end: what a further attempt repairs is nobody's trouble.
get() {
  said=$(printf '%s\n' "$config" | curl --config - --silent --show-error --fail --location --globoff --proto '=http,https' --connect-timeout 30 \
    --speed-limit 1 --speed-time 30 --output "$part" "$@" 2>&1)
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
left=3
while :; do
  before=$(size)
  status=0
  attempt || status=$?
  case $status in
  0) break ;;
  # A server or a network in trouble, not one that refuses.
  7 | 16 | 18 | 28 | 35 | 52 | 55 | 56 | 92) ;;
  22) case $said in *' 408'* | *' 429'* | *' 5'??*) ;; *) left=0 ;; esac ;;
  *) left=0 ;;
  esac
  # Whatever came is not fetched again.
  if [ "$(size)" -gt "$before" ]; then left=3; fi
  left=$((left - 1))
  if [ "$left" -le 0 ]; then
    printf '%s\n' "$said" >&2
    exit "$status"
  fi
  sleep 1
done
printf 'size=%s\nsha256=%s\n' "$(size)" "$(sha256sum <"$part" | cut -d' ' -f1)"
if [ -n "$3" ]; then printf '%s=%s\n' "$3" "$("${3}sum" <"$part" | cut -d' ' -f1)"; fi
# It is new from now on for those who clear up.
touch -- "$part"
od -An -v -tx1 -N 65536 -- "$part"
