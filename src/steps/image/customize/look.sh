# Finds out, once for a base image, whether cloud-init is in it, and writes it down in its seal. $1: the image, $2: its format,
# $3: "yes" where guests run by emulation, or "known" to say only what is known. Says cloud-init; none, of a system that can do
# without; or unknown, of anything else.
set -u
# Another libguestfs may know more.
able=$(ls -l /usr/lib/*/guestfs/supermin.d /usr/lib*/guestfs/supermin.d 2>/dev/null | cksum | cut -d' ' -f1)
known=$(seal_line "$1" guest)
word=${known% *}
if [ -n "$known" ] && { [ "$word" != unknown ] || [ "${known#* }" = "$able" ]; }; then
  echo "$word"
  exit 0
fi
[ "$3" != known ] || exit 0
image=$1
found() {
  word=$1
  images_lock "${image%/*}" -x
  if [ -e "$image.seal" ]; then
    { grep -v '^guest ' -- "$image.seal"; echo "guest $word $able"; } >"$image.seal.$$"
    mv -f -- "$image.seal.$$" "$image.seal"
  fi
  echo "$word"
  exit 0
}
LIBGUESTFS_BACKEND=direct LC_ALL=C
export LIBGUESTFS_BACKEND LC_ALL
if [ "$3" = yes ]; then
  LIBGUESTFS_BACKEND_SETTINGS=force_tcg
  export LIBGUESTFS_BACKEND_SETTINGS
fi
# libguestfs leaves its own files when it is ended.
work=$(mktemp -d) || exit 1
: >"$work/begun"
LIBGUESTFS_TMPDIR=$work
export LIBGUESTFS_TMPDIR
trap leave EXIT
# "true" for each file that is there, else "false".
said=$(guestfish --ro "--format=$2" -a "$1" -i 2>&1 <<'LOOK'
echo irs-begins
exists /usr/lib/systemd/systemd
exists /lib/systemd/systemd
exists /etc/ssh
exists /etc/cloud/cloud-init.disabled
exists /usr/bin/cloud-init
exists /usr/local/bin/cloud-init
LOOK
)
status=$?
case $status,$said in
0,*irs-begins*) ;;
*'no operating system'* | *'no root device'*) found unknown ;;
*)
  printf '%s\n' "$said" >&2
  exit 1
  ;;
esac
# shellcheck disable=SC2086
set -- ${said##*irs-begins}
case $1$2,$3,$4,$5$6 in
*,*,false,*true*) found cloud-init ;;
*true*,true,*,*) found none ;;
*) found unknown ;;
esac
