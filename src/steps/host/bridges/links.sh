# What irs must know of a hypervisor's links, and of who brings them up at boot.
section() { printf '\n#%s\n' "$1"; }
section links; ip -json -details address show 2>/dev/null
section routes4; ip -json -4 route show table all 2>/dev/null
section routes6; ip -json -6 route show table all 2>/dev/null
section connection
# sudo clears the variable; root can read it where sshd set it.
pid=$$
while [ "${pid:-1}" -gt 1 ]; do
  connection=$(tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" | sed -n 's/^SSH_CONNECTION=//p')
  if [ -n "$connection" ]; then
    client=${connection%% *}
    ip -o route get "$client" 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p'
    break
  fi
  pid=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null)
done
section filter; cat /proc/sys/net/bridge/bridge-nf-call-iptables /proc/sys/net/bridge/bridge-nf-call-ip6tables \
  /proc/sys/net/bridge/bridge-nf-call-arptables 2>/dev/null
section filter-kept; [ -e /run/irs-bridge-nf ] && echo yes
section lasting
for file in /etc/NetworkManager/system-connections/irs-*.nmconnection /run/NetworkManager/system-connections/irs-*.nmconnection \
  /etc/netplan/*irs-*.yaml; do
  [ -e "$file" ] && sed -n 's/^# \(irs:\)/\1/p' "$file"
done
section networkmanager
if [ -d /run/NetworkManager/devices ] && pidof NetworkManager >/dev/null 2>&1; then
  for file in /run/NetworkManager/devices/*; do
    grep -qx 'managed=true' "$file" 2>/dev/null || continue
    name=$(ip -o link show 2>/dev/null | sed -n "s/^${file##*/}: \([^:@]*\).*/\1/p")
    uuid=$(sed -n 's/^connection-uuid=//p' "$file")
    profile=$(grep -lxs "uuid=${uuid:-none}" /etc/NetworkManager/system-connections/*.nmconnection \
      /run/NetworkManager/system-connections/*.nmconnection | head -n 1)
    [ -n "$name" ] && echo "$name|$uuid|$profile"
  done
fi
section netplan
# The NICs that its files name, as what an entry is called or as what it is matched by or set to.
if command -v netplan >/dev/null 2>&1; then
  for link in /sys/class/net/*; do
    name=${link##*/}
    quoted=$(printf '%s' "$name" | sed 's/[.]/[.]/g')
    grep -Eqs "^[^#]*(^|[[:space:]{,\"'])$quoted([[:space:]},:\"']|\$)" /lib/netplan/*.yaml /etc/netplan/*.yaml /run/netplan/*.yaml &&
      echo "$name"
  done
fi
section end
