# Gives /dev/kvm to the group kvm: by udev's own rules, which a package may have brought after the device was made.
good() { [ -n "$(find /dev/kvm -group kvm -perm -0060 2>/dev/null)" ] || [ -n "$(find /dev/kvm -perm -0006)" ]; }
if command -v udevadm >/dev/null && udevadm control --reload 2>/dev/null; then
  udevadm trigger --action=change --subsystem-match=misc --sysname-match=kvm
  udevadm settle --timeout=10
fi
good && exit 0
# No rule does, or there is no udev.
getent group kvm >/dev/null || groupadd -r kvm || exit 1
if [ -d /etc/udev/rules.d ]; then
  echo 'KERNEL=="kvm", GROUP="kvm", MODE="0660"' >/etc/udev/rules.d/99-irs-kvm.rules || exit 1
fi
chgrp kvm /dev/kvm && chmod 0660 /dev/kvm
