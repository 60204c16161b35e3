# Fetches a URL into the cache's folder, resuming what an earlier run left. $1: folder, $2: name of the partial file, $3: URL.
set -eu
mkdir -p -- "$1"
cd -- "$1"
# One download at a time: the lock is on the folder itself, so that no file is left behind.
exec 9<.
flock 9
part=$2
url=$3
get() { curl --silent --show-error --fail --location --proto '=http,https' --retry 3 --connect-timeout 30 --output "$part" "$@" -- "$url" 9<&-; }
if [ -s "$part" ] && [ -s "$part.etag" ]; then
  # A resource that changed meanwhile is sent whole, which curl refuses to append: start over then.
  get --continue-at - --header "If-Range: $(cat "$part.etag")" || { rm -f -- "$part" "$part.etag"; get --etag-save "$part.etag"; }
else
  rm -f -- "$part" "$part.etag"
  get --etag-save "$part.etag"
fi
rm -f -- "$part.etag"
printf 'size=%s\nsha256=%s\n' "$(stat -c %s -- "$part")" "$(sha256sum <"$part" | cut -d' ' -f1)"
od -An -v -tx1 -N 65536 -- "$part"
