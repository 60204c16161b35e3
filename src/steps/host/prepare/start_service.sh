# Starts libvirt by the scripts of System V's init; what they start must not hold our connection.
for name in dbus virtlogd libvirtd; do
  [ -x "/etc/init.d/$name" ] || continue
  said=$("/etc/init.d/$name" start </dev/null 2>&1) || { printf '%s\n' "$said" >&2; exit 1; }
done
left=100
until [ -S /run/libvirt/libvirt-sock ]; do
  left=$((left - 1))
  [ "$left" -gt 0 ] || { echo "libvirtd was started and does not listen: see its log" >&2; exit 1; }
  sleep 0.1
done
