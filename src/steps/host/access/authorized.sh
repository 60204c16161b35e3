# The file of keys that is a user's own, then what is in it. $1: the user.
account=$(getent passwd "$1") || exit 0
home=${account%:*} home=${home##*:}
find_sshd
file=$(keys_file "$1" "$home" "$(effective "$1" | sed -n 's/^authorizedkeysfile //p')") || exit 0
printf '%s\n' "$file"
own_lines "$file"
