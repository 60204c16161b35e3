# Loads a module now and at each boot. $1: its name, $2: the file that says so.
modprobe -- "$1" || exit 1
grep -qsx -- "$1" "$2" || echo "$1" >>"$2"
