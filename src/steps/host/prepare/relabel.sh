# Gives a folder the label with which guests may use what is in it. $1: the folder; $2: the type, when the policy has none.
[ -d "$1" ] || { mkdir -p -- "$(dirname -- "$1")" && mkdir -m 0711 -- "$1"; } || exit 1
if [ -n "$2" ]; then
  # A dot and its like mean something in the policy's patterns.
  pattern=$(printf '%s' "$1" | sed 's/[.+]/\\&/g')
  semanage fcontext -a -t "$2" "$pattern(/.*)?" 2>/dev/null || semanage fcontext -m -t "$2" "$pattern(/.*)?" || exit 1
fi
restorecon -R -- "$1"
