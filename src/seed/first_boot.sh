# What a node without cloud-init does at its first boot: functions, and below them what this node is told. Run by
# irs-first-boot, before network and sshd. What fails is noted, and the rest is done all the same.
set -u
LC_ALL=C
export LC_ALL
state=/var/lib/irs/first-boot
mkdir -p "$state"
: >"$state/errors"
has() { command -v "$1" >/dev/null 2>&1; }
# $1: what it is for; the rest is the command.
try() {
  what=$1
  shift
  "$@" || echo "$what failed" >>"$state/errors"
}

# The same for a script on stdin.
task() {
  sh || echo "$1 failed" >>"$state/errors"
}

# The name: $1; /etc/hosts says what it is with its domain.
call() {
  printf '%s\n' "$1" >/etc/hostname
  { echo "$1" >/proc/sys/kernel/hostname; } 2>/dev/null || hostname "$1"
}

# The language: $1, which the image has, or makes now that its file names it.
speak() {
  if has locale-gen && [ -s /etc/locale.gen ]; then locale-gen; fi
  if has locale && [ -n "$(LC_ALL=$1 locale charmap 2>&1 >/dev/null)" ]; then
    echo "the image has no locale $1"
    return 1
  fi
  file=/etc/locale.conf
  [ -e "$file" ] || [ ! -d /etc/default ] || file=/etc/default/locale
  printf 'LANG=%s\n' "$1" >"$file"
}

# The SSH host key: the private and the public half.
identify() (
  umask 077
  rm -f /etc/ssh/ssh_host_*
  printf '%s\n' "$1" >/etc/ssh/ssh_host_ed25519_key
  umask 022
  printf '%s\n' "$2" >/etc/ssh/ssh_host_ed25519_key.pub
  [ -s /etc/ssh/ssh_host_ed25519_key ]
)

# Who may log in: the user $1, with the keys $2.
admit() {
  if ! id "$1" >/dev/null 2>&1; then
    shell=/bin/bash
    [ -x "$shell" ] || shell=/bin/sh
    useradd -m -s "$shell" "$1" && usermod -p '*' "$1" || return 1
    if [ -d /etc/sudoers.d ]; then
      printf '%s ALL=(ALL) NOPASSWD:ALL\n' "$1" >"/etc/sudoers.d/91-irs-$1"
      chmod 440 "/etc/sudoers.d/91-irs-$1"
    fi
  fi
  account=$(getent passwd "$1" || grep "^$1:" /etc/passwd) || return 1
  home=${account%:*} home=${home##*:}
  mkdir -p "$home/.ssh" && chmod 700 "$home/.ssh" || return 1
  file=$home/.ssh/authorized_keys
  printf '%s\n' "$2" | while IFS= read -r key; do
    grep -qsxF -- "$key" "$file" || printf '%s\n' "$key" >>"$file"
  done
  chmod 600 "$file" && chown -R "$1:$(id -g "$1")" "$home/.ssh"
}

# The root file system takes all of its disk.
grow() {
  source=$(awk '$2 == "/" { found = $1 } END { print found }' /proc/self/mounts)
  if has findmnt; then source=$(findmnt -n -o SOURCE / | sed 's/\[.*//'); fi
  kind=$(awk '$2 == "/" { found = $3 } END { print found }' /proc/self/mounts)
  device=$(readlink -f "$source") || return 1
  volume=
  if has lvs && lvs "$device" >/dev/null 2>&1; then
    volume=$device
    device=$(lvs --noheadings -o devices "$volume" | head -n 1 | sed 's/^ *//; s/(.*//')
  fi
  node=/sys/class/block/${device##*/}
  if [ -e "$node/partition" ]; then
    number=$(cat "$node/partition")
    disk=$(readlink -f "$node/..")
    disk=/dev/${disk##*/}
    if has growpart; then
      # 1 says that there is nothing to grow.
      growpart "$disk" "$number" || [ $? = 1 ] || return 1
    else
      if has sgdisk; then sgdisk -e "$disk"; fi
      echo ', +' | sfdisk --no-reread --force -N "$number" "$disk" || return 1
      partx -u --nr "$number" "$disk" || return 1
    fi
  fi
  if [ -n "$volume" ]; then
    pvresize "$device" && { lvextend -l +100%FREE "$volume" || true; }
  fi
  case $kind in
  ext*) resize2fs "$source" ;;
  xfs) xfs_growfs / ;;
  btrfs) btrfs filesystem resize max / ;;
  esac
}

# A swap file of $1 MiB.
swap() {
  [ ! -e /swap.img ] || return 0
  kind=$(awk '$2 == "/" { found = $3 } END { print found }' /proc/self/mounts)
  case $kind in
  btrfs) truncate -s 0 /swap.img && chattr +C /swap.img ;;
  esac
  case $kind in
  ext*) fallocate -l "$1M" /swap.img ;;
  *) dd if=/dev/zero of=/swap.img bs=1M count="$1" ;;
  esac || { rm -f /swap.img; return 1; }
  chmod 600 /swap.img && mkswap /swap.img && swapon /swap.img || return 1
  printf '/swap.img none swap sw 0 0\n' >>/etc/fstab
}

# Which of the ways to set up a network this system uses.
networks() {
  on() { systemctl is-enabled --quiet "$1" 2>/dev/null; }
  if has netplan && [ -d /etc/netplan ]; then
    echo netplan
  elif has NetworkManager && on NetworkManager.service; then
    echo manager
  elif on systemd-networkd.service; then
    echo networkd
  elif has ifup && [ -d /etc/network ]; then
    echo ifupdown
  elif [ -d /etc/sysconfig/network-scripts ] || [ -d /etc/sysconfig/network ]; then
    echo ifcfg
  elif [ -x /lib/systemd/systemd-networkd ] || [ -x /usr/lib/systemd/systemd-networkd ]; then
    echo unused-networkd
  fi
}

# The name that a NIC is to have, now and later: $1 name, $2 MAC address.
name_nic() {
  printf '[Match]\nMACAddress=%s\nType=ether\n\n[Link]\nName=%s\n' "$2" "$1" >"/etc/systemd/network/10-irs-$1.link"
  for found in /sys/class/net/*; do
    [ -e "$found/device" ] && [ "$(cat "$found/address")" = "$2" ] || continue
    [ "${found##*/}" != "$1" ] || return 0
    if [ -e "/sys/class/net/$1" ]; then
      ip link set dev "$1" down
      ip link set dev "$1" name "was-$1" || return 1
    fi
    ip link set dev "${found##*/}" down
    ip link set dev "${found##*/}" name "$1"
    return
  done
  echo "there is no NIC $2"
  return 1
}

four() { for net in $addresses; do case $net in *:*) ;; *) printf '%s\n' "$net" ;; esac; done; }
six() { for net in $addresses; do case $net in *:*) printf '%s\n' "$net" ;; esac; done; }

# One NIC: $1 name, $2 MAC address, $3 dhcp4, $4 dhcp6, $5 "external" when the default route is there, $6 MTU, $7 and $8 the
# routers, $9 the name servers and $10 the domain to look in, where no DHCP tells them; $11 its fixed addresses.
nic() {
  name=$1 mac=$2 dhcp4=$3 dhcp6=$4 external=$5 mtu=$6 gateway4=$7 gateway6=$8 servers=$9
  shift 9
  search=$1 addresses=$2
  name_nic "$name" "$mac" || echo "naming $name failed" >>"$state/errors"
  case $way in
  manager) manager_nic ;;
  networkd | unused-networkd) networkd_nic ;;
  ifupdown) ifupdown_nic >>/etc/network/interfaces ;;
  ifcfg) ifcfg_nic ;;
  esac
}

manager_nic() {
  file=/etc/NetworkManager/system-connections/irs-$name.nmconnection
  # It refuses a router in a connection that is never the default.
  never4= never6=
  if [ -z "$external" ]; then
    [ -n "$gateway4" ] || never4=never-default=true
    [ -n "$gateway6" ] || never6=never-default=true
  fi
  {
    printf '[connection]\nid=irs-%s\ntype=ethernet\nautoconnect-priority=100\n\n' "$name"
    printf '[ethernet]\nmac-address=%s\n' "$mac"
    [ -z "$mtu" ] || printf 'mtu=%s\n' "$mtu"
    printf '\n[ipv4]\n%s\n' "$never4"
    count=0
    for net in $(four); do
      count=$((count + 1))
      printf 'address%s=%s\n' "$count" "$net"
    done
    if [ "$dhcp4" = yes ]; then
      echo method=auto
    elif [ "$count" -gt 0 ]; then
      echo method=manual
      [ -z "$gateway4" ] || printf 'gateway=%s\n' "$gateway4"
      [ -z "$search" ] || printf 'dns-search=%s;\n' "$search"
      for server in $servers; do case $server in *:*) ;; *) printf 'dns=%s;\n' "$server" ;; esac; done
    else
      echo method=disabled
    fi
    printf '\n[ipv6]\n%s\n' "$never6"
    count=0
    for net in $(six); do
      count=$((count + 1))
      printf 'address%s=%s\n' "$count" "$net"
    done
    if [ "$count" -gt 0 ] && [ "$dhcp6" = no ]; then
      echo method=manual
      [ -z "$gateway6" ] || printf 'gateway=%s\n' "$gateway6"
      for server in $servers; do case $server in *:*) printf 'dns=%s;\n' "$server" ;; esac; done
    elif [ -n "$external" ] || [ "$dhcp6" = yes ]; then
      echo method=auto
    else
      echo method=link-local
    fi
  } >"$file"
  chmod 600 "$file"
}

networkd_nic() {
  {
    printf '[Match]\nMACAddress=%s\nType=ether\n\n[Link]\n' "$mac"
    [ -z "$mtu" ] || printf 'MTUBytes=%s\n' "$mtu"
    [ -n "$external" ] || echo RequiredForOnline=no
    printf '\n[Network]\n'
    case $dhcp4$dhcp6 in
    yesyes) echo DHCP=yes ;;
    yesno) echo DHCP=ipv4 ;;
    noyes) echo DHCP=ipv6 ;;
    esac
    for net in $addresses; do printf 'Address=%s\n' "$net"; done
    for gateway in $gateway4 $gateway6; do printf 'Gateway=%s\n' "$gateway"; done
    for server in $servers; do printf 'DNS=%s\n' "$server"; done
    [ -z "$search" ] || printf 'Domains=%s\n' "$search"
    [ -n "$external" ] || echo IPv6AcceptRA=no
    printf '\n[DHCPv4]\nUseHostname=no\n'
    if [ -z "$external" ] && [ "$dhcp4" = yes ]; then printf 'UseRoutes=no\nUseGateway=no\n'; fi
  } >"/etc/systemd/network/10-irs-$name.network"
}

ifupdown_nic() {
  printf '\nauto %s\n' "$name"
  if [ "$dhcp4" = yes ]; then
    printf 'iface %s inet dhcp\n' "$name"
    [ -n "$external" ] || echo '    metric 1000'
    [ -z "$mtu" ] || printf '    pre-up ip link set dev %s mtu %s\n' "$name" "$mtu"
  elif [ -z "$(four)" ]; then
    printf 'iface %s inet manual\n' "$name"
    [ -z "$mtu" ] || printf '    pre-up ip link set dev %s mtu %s\n' "$name" "$mtu"
  fi
  first=$gateway4
  for net in $(four); do
    printf 'iface %s inet static\n    address %s\n' "$name" "$net"
    [ -z "$mtu" ] || printf '    mtu %s\n' "$mtu"
    [ "$dhcp4" = yes ] || [ -z "$first" ] || printf '    gateway %s\n' "$first"
    first=
  done
  if [ "$dhcp6" = yes ]; then printf 'iface %s inet6 dhcp\n' "$name"; fi
  first=$gateway6
  for net in $(six); do
    printf 'iface %s inet6 static\n    address %s\n' "$name" "$net"
    [ -n "$external" ] || echo '    accept_ra 0'
    [ -z "$first" ] || printf '    gateway %s\n' "$first"
    first=
  done
}

# Of Red Hat's and SUSE's scripts, each of which passes over the other's words.
ifcfg_nic() {
  folder=/etc/sysconfig/network-scripts
  [ -d "$folder" ] || folder=/etc/sysconfig/network
  route=no
  [ -z "$external" ] || route=yes
  {
    printf 'DEVICE=%s\nHWADDR=%s\nTYPE=Ethernet\nONBOOT=yes\nSTARTMODE=auto\nDEFROUTE=%s\nIPV6INIT=yes\n' "$name" "$mac" "$route"
    case $dhcp4 in
    yes) echo BOOTPROTO=dhcp ;;
    *) echo BOOTPROTO=static ;;
    esac
    [ "$dhcp6" = no ] || echo DHCPV6C=yes
    [ -z "$mtu" ] || printf 'MTU=%s\n' "$mtu"
    count=0
    for net in $(four); do
      case $folder in
      */network) printf 'IPADDR_%s=%s\n' "$count" "$net" ;;
      *) printf 'IPADDR%s=%s\nPREFIX%s=%s\n' "$count" "${net%/*}" "$count" "${net#*/}" ;;
      esac
      count=$((count + 1))
    done
    for net in $(six); do
      case $folder in
      */network) printf 'IPADDR_6=%s\n' "$net" ;;
      *) printf 'IPV6ADDR=%s\n' "$net" ;;
      esac
    done
    [ -z "$gateway4" ] || printf 'GATEWAY=%s\n' "$gateway4"
    [ -z "$gateway6" ] || printf 'IPV6_DEFAULTGW=%s\n' "$gateway6"
    [ -n "$external" ] || echo IPV6_AUTOCONF=no
    [ -z "$search" ] || printf 'DOMAIN=%s\n' "$search"
    count=1
    for server in $servers; do
      printf 'DNS%s=%s\n' "$count" "$server"
      count=$((count + 1))
    done
  } >"$folder/ifcfg-$name"
  case $folder in
  */network) for gateway in $gateway4 $gateway6; do printf 'default %s - %s\n' "$gateway" "$name"; done >"$folder/ifroute-$name" ;;
  esac
}

# Before the first and after the last NIC.
begin_networks() {
  way=$(networks)
  mkdir -p /etc/systemd/network
  case $way in
  manager) mkdir -p /etc/NetworkManager/system-connections ;;
  ifupdown) printf 'auto lo\niface lo inet loopback\n' >/etc/network/interfaces ;;
  '') echo 'no way to set up the network is known here' | tee -a "$state/errors" ;;
  esac
}
end_networks() {
  case $way in
  netplan)
    rm -f /etc/netplan/*.yaml
    (umask 077 && printf '%s\n' "$1" >/etc/netplan/60-irs.yaml)
    netplan generate || echo 'netplan failed' >>"$state/errors"
    ;;
  unused-networkd) systemctl enable systemd-networkd.service && systemctl start --no-block systemd-networkd.service ;;
  ifupdown | ifcfg)
    # Where no DHCP client writes it.
    if [ -n "$2" ] && [ ! -L /etc/resolv.conf ]; then
      for server in $2; do printf 'nameserver %s\n' "$server"; done >/etc/resolv.conf
    fi
    ;;
  esac
}

finish() {
  if has restorecon; then
    restorecon -R /etc/hostname /etc/hosts /etc/ssh /etc/systemd/network /etc/NetworkManager /etc/netplan /etc/sysconfig /etc/sudoers.d \
      /root/.ssh /home /var/lib/irs 2>/dev/null
  fi
  chmod 755 "$state"
  printf '%s\n' "$1" >"$state/done"
}
