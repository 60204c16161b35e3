# Puts a line into a user's file of authorized keys, and takes out what ends like $4: $1 the user, $2 the home, $3 the
# file, $5 the line; without a line it only takes out. In a home it is done as that user, who may have put links there.
authorize() {
  edit='set -eu
    umask 077
    file=$(readlink -f "$1" 2>/dev/null) || file=$1
    [ -n "$3" ] || [ -f "$file" ] || exit 0
    mkdir -p "${file%/*}"
    [ ! -f "$file" ] || cp -p "$file" "$file.irs-new"
    {
      [ ! -f "$file" ] || while IFS= read -r old || [ -n "$old" ]; do
        case $old in *"${2:?}") ;; *) printf "%s\n" "$old" ;; esac
      done <"$file"
      [ -z "$3" ] || printf "%s\n" "$3"
    } >"$file.irs-new"
    mv "$file.irs-new" "$file"'
  case $3 in
  "$2"/*)
    if [ "$1" = "$(id -un)" ]; then
      sh -c "$edit" sh "$3" "$4" "$5"
    else
      runuser -u "$1" -- sh -c "$edit" sh "$3" "$4" "$5"
    fi
    ;;
  *)
    sh -c "$edit" sh "$3" "$4" "$5"
    chmod 644 "$3"
    ;;
  esac
  if command -v restorecon >/dev/null 2>&1; then restorecon -R "${3%/*}" || true; fi
}
