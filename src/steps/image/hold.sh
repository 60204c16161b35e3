# Keeps base images from being taken out of the cache while a run needs them. $1: folder, $2: the lock file of its lease, $3…:
# their names. Says those that are not there any more.
set -u
lock=$2
cd -P -- "$1" || exit 1
images_lock . -s || exit 1
shift 2
for name; do
  if [ ! -s "$name" ]; then
    echo "$name"
    continue
  fi
  # libvirt gives the files of a domain that it starts to the emulator.
  chown root:root -- "$name" && chmod 0444 -- "$name"
  [ -e "$name.seal" ] || stat -c '%s %Y' -- "$name" >"$name.seal"
  # When it was needed last.
  touch -- "$name.seal"
  if [ -e "$lock" ]; then echo "image $PWD/$name" >>"$lock"; fi
done
