# Finds out, once for a base image, whether cloud-init is in it, and writes it down beside it. $1: the image, $2: its format,
# $3: "yes" where guests run by emulation. Says cloud-init, none, or unknown: no system is in it that libguestfs knows.
set -u
if [ -s "$1.guest" ]; then
  cat -- "$1.guest"
  exit 0
fi
LIBGUESTFS_BACKEND=direct LC_ALL=C
export LIBGUESTFS_BACKEND LC_ALL
if [ "$3" = yes ]; then
  LIBGUESTFS_BACKEND_SETTINGS=force_tcg
  export LIBGUESTFS_BACKEND_SETTINGS
fi
# "true" for each file that is there; -true for what is looked at last, so that an end is told from a failure.
said=$(guestfish --ro "--format=$2" -a "$1" -i 2>&1 <<'LOOK'
echo irs-begins
exists /etc/cloud/cloud-init.disabled
exists /usr/bin/cloud-init
exists /usr/local/bin/cloud-init
exists /usr/lib/systemd/system/cloud-init.service
exists /lib/systemd/system/cloud-init.service
LOOK
)
status=$?
case $status,$said in
0,*irs-begins*) ;;
*'no operating system'* | *'no root device'*)
  echo unknown >"$1.guest.$$" && mv -f -- "$1.guest.$$" "$1.guest"
  echo unknown
  exit 0
  ;;
*)
  printf '%s\n' "$said" >&2
  exit 1
  ;;
esac
answers=${said##*irs-begins}
# shellcheck disable=SC2086
set -- "$1" $answers
case $2,$* in
true,*) word=none ;;
*true*) word=cloud-init ;;
*) word=none ;;
esac
echo "$word" >"$1.guest.$$" && mv -f -- "$1.guest.$$" "$1.guest"
echo "$word"
