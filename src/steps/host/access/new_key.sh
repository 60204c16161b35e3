# Makes a pair of RSA keys, prints the public half and then the private one in PEM's format, and keeps neither.
set -eu
umask 077
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
ssh-keygen -q -t rsa -b 2048 -m PEM -N '' -C '' -f "$folder/key" </dev/null >&2
cat "$folder/key.pub" "$folder/key"
