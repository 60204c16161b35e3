# Networks whose dnsmasq is configured, and does not run. libvirt removes the configuration when it stops a network.
for file in /var/lib/libvirt/dnsmasq/*.conf; do
  name=${file##*/}; name=${name%.conf}
  read -r process <"/run/libvirt/network/$name.pid" || continue
  tr '\0' '\n' <"/proc/$process/cmdline" | grep -qxF -e "--conf-file=$file" || echo "$name"
done 2>/dev/null
