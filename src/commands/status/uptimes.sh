# For how long domains have been running, by their emulators' processes: "seconds name" a line. $@: the domains.
for name; do
  pid=$(cat -- "/run/libvirt/qemu/$name.pid" 2>/dev/null) || continue
  seconds=$(ps -o etimes= -p "$pid" 2>/dev/null) || continue
  echo "$seconds $name"
done
