# What a server has that is to be a hypervisor, in one round trip.
# $1: the folder of images; $2: "host" to look at everything, "run" for what a run needs where libvirt runs already;
# $3, $4: names of packages, for rpm and for dpkg.
section() { printf '\n#%s\n' "$1"; }
# What files and other programs say may begin like a section.
shown() { sed 's/^/ /'; }
has() { command -v "$1" >/dev/null 2>&1; }
folder=$1 depth=$2
if [ "$depth" = host ] || [ ! -d /run/systemd/system ]; then
  section daemons
  cat /proc/[0-9]*/comm 2>/dev/null | grep -xE 'libvirtd|virt(qemu|network|storage|nodedev|secret|log)d' | sort -u
fi
section sockets
for socket in libvirt-sock virtqemud-sock; do [ -S "/run/libvirt/$socket" ] && echo "$socket"; done
[ -S /run/libvirt/libvirt-sock ] || [ -S /run/libvirt/virtqemud-sock ] || depth=host
section depth; echo "$depth"
section machine; uname -m
section kernel; uname -r
section os-release; { cat /etc/os-release || cat /usr/lib/os-release; } 2>/dev/null | shown
section managers
# An image of an operating system is not changed by a package manager.
if [ -e /run/ostree-booted ]; then
  echo ostree
else
  for manager in apt-get dnf yum zypper; do has "$manager" && echo "$manager"; done
fi
section programs
for program in virsh qemu-img curl udevadm semanage restorecon firewall-cmd systemctl service rc-service modprobe; do
  has "$program" && echo "$program"
done
section login; echo "${SUDO_USER:-$(id -un)}"

section threads; getconf _NPROCESSORS_ONLN
if [ "$depth" = host ]; then
  # Newer ones indent what belongs together.
  section lscpu; lscpu 2>/dev/null | grep -E '^ *(Architecture|CPU\(s\)|Vendor ID|Model name|Virtualization|Virtualization type|Hypervisor vendor|Flags):' | shown
fi
section cpuinfo; grep -m 4 -E '^(flags|Features|platform)[[:space:]]*:' /proc/cpuinfo 2>/dev/null | head -n 1 | shown
section memory; grep -E '^(MemAvailable|MemTotal):' /proc/meminfo
section lsmod; { lsmod || cat /proc/modules; } 2>/dev/null | grep -E '^(kvm|vhost)' | shown
section in-kernel; for module in /sys/module/kvm* /sys/module/vhost_net; do [ -d "$module" ] && echo "${module##*/}"; done
section loadable
for module in kvm_intel kvm_amd kvm_hv vhost_net; do
  # Of a module that is there already nobody asks.
  [ -d "/sys/module/$module" ] || { modprobe -n -q "$module" 2>/dev/null && echo "$module"; }
done
section nested
for file in /sys/module/kvm*/parameters/nested; do
  [ -e "$file" ] || continue
  module=${file%/parameters/nested}
  echo "${module##*/} $(cat "$file")"
done
section modules-load; cat /etc/modules /etc/modules-load.d/*.conf /usr/lib/modules-load.d/*.conf 2>/dev/null | grep -v '^[#;]' | shown
section modprobe; cat /etc/modprobe.d/*.conf /usr/lib/modprobe.d/*.conf /lib/modprobe.d/*.conf 2>/dev/null | grep '^options kvm' | sort -u | shown
section devices; for device in /dev/kvm /dev/vhost-net; do [ -c "$device" ] && stat -c '%n %a %U %G' "$device"; done
section qemu-user; for user in qemu libvirt-qemu; do id -Gn "$user" 2>/dev/null | sed "s/^/$user /"; done

section init
if [ -d /run/systemd/system ]; then
  echo systemd
else
  cat /proc/1/comm
fi
section init-scripts; for script in dbus virtlogd libvirtd; do [ -x "/etc/init.d/$script" ] && echo "$script"; done
if [ -d /run/systemd/system ]; then
  section units
  # A line of its own ends what is said of a unit.
  systemctl show -p Id -p LoadState -p UnitFileState -p ActiveState libvirtd.service libvirtd.socket virtqemud.service \
    virtqemud.socket virtnetworkd.service virtnetworkd.socket virtstoraged.service virtstoraged.socket virtnodedevd.service \
    virtnodedevd.socket virtsecretd.service virtsecretd.socket 2>/dev/null | sed 's/^$/?/'
fi

section forwarding; cat /proc/sys/net/ipv4/ip_forward
# By what libvirt makes its rules: as it is told, and as it is seen to.
section libvirt-firewall; grep -hs '^[[:space:]]*firewall_backend' /etc/libvirt/network.conf | shown
if has nft; then
  chains=$(nft list chains 2>/dev/null)
  case $chains in *' libvirt_network '*) echo 'in use: nftables' ;; esac
  case $chains in *LIBVIRT_*) echo 'in use: iptables' ;; esac
fi
if has nft; then
  section nft
  # Each chain that guests' packets come by, with its rules: those of libvirt itself and of firewalld are another matter.
  printf '%s\n' "$chains" | awk '/^table /{family=$2; table=$3} $1=="chain"{chain=$2}
    /type filter hook (forward|input)/{print family, table, chain}' | grep -v -e ' libvirt_network ' -e ' firewalld ' |
    while read -r family table chain; do
      printf '? %s %s %s\n' "$family" "$table" "$chain"
      nft list chain "$family" "$table" "$chain" 2>/dev/null
    done | shown
fi
if grep -qsx filter /proc/net/ip_tables_names; then
  section iptables; iptables-save -t filter 2>/dev/null | grep -E '^(:(INPUT|FORWARD) |-A (INPUT|FORWARD) )' | shown
fi

near=$folder
while [ ! -d "$near" ] && [ "$near" != / ] && [ -n "$near" ]; do near=$(dirname -- "$near"); done
section disk; df -PB1 -- "$near" 2>/dev/null | tail -n 1
section folder; [ -d "$folder" ] && { [ -z "$(ls -A -- "$folder")" ] && echo empty || echo used; }
section selinux; getenforce 2>/dev/null
section selinux-type; [ -d "$folder" ] && stat -c %C -- "$folder" 2>/dev/null
section selinux-policy; matchpathcon -n -- "$folder" 2>/dev/null
section file-system; stat -f -c %T -- "$near" 2>/dev/null
section apparmor; [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ] && [ -e /etc/apparmor.d/abstractions/libvirt-qemu ] && echo libvirt

if [ "$depth" = host ]; then
  section packages
  if has dpkg-query; then
    # shellcheck disable=SC2086
    dpkg-query -W -f '${db:Status-Status} ${Package} ${Version}\n' $4 2>/dev/null | shown
  elif has rpm; then
    for name in $3; do
      echo "? $name"
      rpm -q --whatprovides "$name" 2>/dev/null
    done | shown
  fi
  section repositories
  { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | grep -c '^[[:space:]]*deb '
    cat /etc/apt/sources.list.d/*.sources 2>/dev/null | grep -c '^URIs:'
    cat /etc/yum.repos.d/*.repo /etc/zypp/repos.d/*.repo 2>/dev/null | awk -F= '/^\[/ { on += last; last = 1 }
      /^enabled[ \t]*=[ \t]*0/ { last = 0 } END { print on + last }'; } | awk '{ all += $1 } END { print all + 0 }'
  if has firewall-cmd; then
    section firewalld; firewall-cmd --state 2>/dev/null && firewall-cmd --get-zones 2>/dev/null | shown
  fi
  if has virsh && { [ -S /run/libvirt/libvirt-sock ] || [ -S /run/libvirt/virtqemud-sock ]; }; then
    section guests
    if capabilities=$(timeout 20 virsh -c qemu:///system capabilities 2>/dev/null); then
      printf '%s\n' "$capabilities" | grep -c '<os_type>hvm'
    fi
  fi
  section firmware; cat /usr/share/qemu/firmware/*.json 2>/dev/null | grep -c '"uefi"'
  section login-groups; id -Gn "${SUDO_USER:-root}" 2>/dev/null
  # The groups that the login itself has: those of the first process above sudo that is not root's.
  section session-groups
  if [ -n "${SUDO_USER-}" ]; then
    process=$$
    while [ "$process" -gt 1 ]; do
      process=$(sed 's/.*) //' "/proc/$process/stat" | cut -d' ' -f2)
      [ "$(stat -c %u "/proc/$process")" = 0 ] || break
    done
    sed -n 's/^Groups:[[:space:]]*//p' "/proc/$process/status" | tr ' ' '\n' |
      while read -r group; do getent group "$group" | cut -d: -f1; done
  fi
fi
section end
