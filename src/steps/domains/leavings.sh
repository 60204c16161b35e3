# Removes what libvirt leaves of nodes without a definition. stdin: a line for each, its name, and its UUID when no other
# domain has it. Names are plain.
set -u
while read -r name uuid; do
  for log in "/var/log/libvirt/qemu/$name.log" "/var/log/swtpm/libvirt/qemu/$name-swtpm.log" "/var/lib/libvirt/qemu/$name-serial.log"; do
    # virtlogd rotates.
    printf '%s\0' "$log" "$log".0 "$log".1 "$log".2 "$log".3 "$log".4 "$log".5 "$log".6 "$log".7 "$log".8 "$log".9
  done
  for file in "nvram/${name}_VARS.fd" "nvram/${name}_VARS.qcow2" "save/$name.save"; do printf '%s\0' "/var/lib/libvirt/qemu/$file"; done
  [ -z "$uuid" ] || printf '%s\0' "/var/lib/libvirt/swtpm/$uuid"
done | xargs -0 rm -rf --
