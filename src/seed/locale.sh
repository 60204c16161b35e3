# $locale: the one that is wanted; $1: where the root file system is.
set -eu
root=${1-}
wanted=$root/etc/locale.gen known=$root/usr/share/i18n/SUPPORTED
if [ ! -e "$wanted" ] || [ ! -e "$known" ]; then exit 0; fi
# As `de_DE.UTF-8 UTF-8`; of `utf8` and `UTF-8` both are usual.
line=$(awk -v locale="$locale" '
  function plain(text) { text = tolower(text); gsub(/-/, "", text); return text }
  plain($1) == plain(locale) { print $1, $2; exit }' "$known")
if [ -z "$line" ] || grep -qxF -- "$line" "$wanted"; then exit 0; fi
printf '%s\n' "$line" >>"$wanted"
