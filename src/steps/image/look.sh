# Asks a server for an image: its headers, and the beginning of the image as 'od' prints it. Leaves nothing. stdin: the URL
# as a line of curl's configuration, as it may hold a password.
set -u
folder=$(mktemp -d) || exit 1
trap 'rm -rf -- "$folder"' EXIT
# A server that knows no ranges sends everything: 'head' ends that.
begin=$(curl --config - --silent --show-error --fail --location --globoff --proto '=http,https' --max-time 60 --connect-timeout 30 \
  --range 0-65535 --dump-header "$folder/headers" 2>"$folder/errors" | head -c 65536 | od -An -v -tx1)
if [ -z "$begin" ]; then
  grep -v 'Failed writing body' "$folder/errors" >&2 || echo 'the server sent nothing' >&2
  exit 22
fi
tr -d '\r' <"$folder/headers"
printf '%s\n' "$begin"
