# A NIC that comes to another network, or a second one on a network, is called otherwise there: the node is not.
set -eu
word='# irs: the host name is not the DHCP server'\''s to say'
if [ -d /etc/dhcp/dhclient-enter-hooks.d ]; then
  printf '%s\n' "$word" 'unset new_host_name' >/etc/dhcp/dhclient-enter-hooks.d/irs-host-name
fi
if command -v dhcpcd >/dev/null 2>&1 && [ ! -e /etc/dhcpcd.enter-hook ]; then
  printf '%s\n' "$word" 'unset new_host_name' >/etc/dhcpcd.enter-hook
fi
wicked=/etc/sysconfig/network/dhcp
if [ -e "$wicked" ]; then
  sed -i 's/^DHCLIENT_SET_HOSTNAME=.*/DHCLIENT_SET_HOSTNAME="no"/' "$wicked"
fi
