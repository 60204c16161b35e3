# Removes what a killed libvirtd left of a network. $1: the network, $2: its bridge, $3: the bridge's MAC.
[ "$(cat "/sys/class/net/$2/address" 2>/dev/null)" = "$3" ] || exit 0
for process in /proc/[0-9]*; do
  tr '\0' '\n' <"$process/cmdline" 2>/dev/null | grep -qxF -e "--conf-file=/var/lib/libvirt/dnsmasq/$1.conf" || continue
  kill -- "${process#/proc/}" 2>/dev/null
done
ip link delete dev "$2" type bridge
