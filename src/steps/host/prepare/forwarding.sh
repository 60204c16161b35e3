# Switches IPv4 forwarding on, now and at each boot. $1: the file that says so. IPv6's is left to libvirt, which looks first
# whether the host's own routes would go with it.
mkdir -p -- "${1%/*}" && echo 'net.ipv4.ip_forward = 1' >"$1" && echo 1 >/proc/sys/net/ipv4/ip_forward
