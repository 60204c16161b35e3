# The files that a cleanup is to remove with the domains of others. $1: note (their paths on stdin), read (those that are
# there still), or forget.
set -u
list=/run/irs/cleanup-files
case $1 in
note)
  umask 077
  mkdir -p /run/irs && cat >"$list.new" && mv -f -- "$list.new" "$list"
  ;;
read)
  [ -f "$list" ] || exit 0
  while IFS= read -r path; do
    case $path in /*) if [ -f "$path" ] && [ ! -L "$path" ]; then printf '%s\n' "$path"; fi ;; esac
  done <"$list"
  ;;
forget)
  rm -f -- "$list" "$list.new"
  rmdir /run/irs 2>/dev/null || :
  ;;
esac
