# Fetches a URL into the cache's folder, resuming what an earlier run left; says the file's name, size, checksum and head.
# $1: folder, $2: name of the partial file; stdin: the URL as a line of curl's configuration, as it may hold a password.
set -eu
mkdir -p -- "$1"
cd -- "$1"
part=$2
config=$(cat)
# One download at a time: the lock is on the folder itself, so that no file is left behind.
exec 9<.
flock 9
get() {
  printf '%s\n' "$config" | curl --config - --silent --show-error --fail --location --globoff --proto '=http,https' --retry 3 --connect-timeout 30 --speed-limit 1 --speed-time 60 \
    --dump-header "$part.head" --output "$part" "$@" 9<&-
}
afresh() {
  rm -f -- "$part" "$part.head"
  get
}
# What tells this version of the resource from others: a strong ETag, else its date.
validator() {
  tr -d '\r' <"$part.head" | sed -n -e 's/^[Ee][Tt][Aa][Gg]: *"/"/p' -e 's/^[Ll]ast-[Mm]odified: *//p' | sort | head -n 1
}
if [ -s "$part" ] && [ -s "$part.head" ] && [ -n "$(validator)" ]; then
  # A resource that changed meanwhile is sent whole, which curl refuses to append.
  get --continue-at - --header "If-Range: $(validator)" || afresh
else
  afresh
fi
rm -f -- "$part.head"
sum=$(sha256sum <"$part" | cut -d' ' -f1)
# Out of the way of the next download before the lock is free.
mv -f -- "$part" "irs-new-$$-$sum.part"
printf 'part=%s\nsize=%s\nsha256=%s\n' "irs-new-$$-$sum.part" "$(stat -c %s -- "irs-new-$$-$sum.part")" "$sum"
od -An -v -tx1 -N 65536 -- "irs-new-$$-$sum.part"
