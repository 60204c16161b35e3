# Switches nested virtualization on: now when no guest runs, and at each boot. $1: the module, $2: the file of its options.
grep -qsx -- "options $1 nested=1" "$2" || echo "options $1 nested=1" >>"$2" || exit 1
# A module that is in use stays as it is until the next boot.
modprobe -q -r -- "$1" 2>/dev/null
modprobe -- "$1"
