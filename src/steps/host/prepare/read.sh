# What a server has that is to be a hypervisor, in one round trip. $1: the folder of images.
section() { printf '\n#%s\n' "$1"; }
# What files and other programs say may begin like a section.
shown() { sed 's/^/ /'; }
section machine; uname -m; uname -r
section os-release; shown 2>/dev/null </etc/os-release
# An image of an operating system is not changed by a package manager.
section managers
if [ ! -e /run/ostree-booted ]; then
  for manager in apt-get dnf yum zypper; do command -v "$manager" >/dev/null && echo "$manager"; done
fi
section end
