# Installs packages, or brings them up to date. $1: the package manager; $2…: the packages.
manager=$1
shift
case $manager in
apt-get)
  export DEBIAN_FRONTEND=noninteractive
  # What somebody's interrupted installation left stands in the way of every other.
  dpkg --configure -a || exit
  apt-get -q -o Acquire::Retries=3 update || echo "the lists of packages could not be renewed" >&2
  # Another process may be at it just now, as the unattended upgrades of a new server.
  apt-get -q -y --no-install-recommends -o Acquire::Retries=3 -o DPkg::Lock::Timeout=600 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install "$@"
  ;;
dnf | yum)
  # An older one that is there is not brought up to date by `install` with each version; and `update` fails on what is there by
  # another name, as wget is on Fedora.
  old=$(for package; do rpm -q "$package" >/dev/null 2>&1 && printf '%s ' "$package"; done)
  "$manager" -y install "$@" || exit
  # shellcheck disable=SC2086
  [ -z "$old" ] || "$manager" -y update $old
  ;;
zypper)
  zypper --non-interactive install --no-recommends "$@"
  ;;
esac
