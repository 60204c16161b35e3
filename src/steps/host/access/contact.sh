# Authorises a key. $1: the user; the line comes in.
set -eu
cd /
IFS= read -r line
account=$(getent passwd "$1")
home=${account%:*} home=${home##*:}
find_sshd
file=$(keys_file "$1" "$home" "$(effective "$1" | sed -n 's/^authorizedkeysfile //p')")
authorize "$1" "$home" "$file" "$line" "$line"
