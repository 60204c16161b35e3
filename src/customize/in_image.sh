# Makes an image take its nodes' seeds, which have what is a node's own. $user: the sudo user, $zone: a time zone or nothing,
# $program: what reads the seed at the first boot, $unit: what starts that.
set -eu
refuse() {
  echo "irs: $1" >&2
  exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }
if [ ! -x /lib/systemd/systemd ] && [ ! -x /usr/lib/systemd/systemd ]; then
  refuse 'the image has no systemd, which is to start what tells a node who it is'
fi

# cloud-init would wait for its own seed, and undo what is written here; what it made of an earlier boot goes, too.
if [ -d /etc/cloud ] || has cloud-init; then
  mkdir -p /etc/cloud
  : >/etc/cloud/cloud-init.disabled
fi
rm -rf /var/lib/cloud
rm -f /etc/netplan/50-cloud-init.yaml /etc/network/interfaces.d/50-cloud-init* /etc/systemd/network/10-cloud-init-* \
  /etc/NetworkManager/system-connections/cloud-init-* /etc/udev/rules.d/70-persistent-net.rules
# Of the NICs that the image was made on.
rm -f /etc/sysconfig/network-scripts/ifcfg-e[nt]* /etc/sysconfig/network/ifcfg-e[nt]*

# Every node has an identity of its own.
rm -f /etc/ssh/ssh_host_*
: >/etc/machine-id
[ -L /var/lib/dbus/machine-id ] || rm -f /var/lib/dbus/machine-id
rm -f /var/lib/systemd/random-seed

if ! id "$user" >/dev/null 2>&1; then
  shell=/bin/bash
  [ -x "$shell" ] || shell=/bin/sh
  useradd -m -s "$shell" "$user"
fi
# No password opens it, and sshd takes it for no locked account.
usermod -p '*' "$user"
if [ -d /etc/sudoers.d ]; then
  printf '%s ALL=(ALL) NOPASSWD:ALL\n' "$user" >/etc/sudoers.d/90-irs
  chmod 440 /etc/sudoers.d/90-irs
fi

if [ -n "$zone" ]; then
  [ -e "/usr/share/zoneinfo/$zone" ] || refuse "the image does not know the time zone '$zone'"
  ln -sfn "../usr/share/zoneinfo/$zone" /etc/localtime
  [ ! -e /etc/timezone ] || printf '%s\n' "$zone" >/etc/timezone
fi

# The first value counts in sshd's file, so these go before all others.
config=/etc/ssh/sshd_config
[ -d /etc/ssh ] || refuse 'the image has no sshd'
if [ ! -e "$config" ] && [ -e /usr/etc/ssh/sshd_config ]; then cp /usr/etc/ssh/sshd_config "$config"; fi
[ -e "$config" ] || : >"$config"
{
  printf '# By irs: keys only, also for root, and no names are looked up.\n'
  printf 'PermitRootLogin prohibit-password\nPubkeyAuthentication yes\nPasswordAuthentication no\nUseDNS no\n\n'
  cat "$config"
} >"$config.irs"
cat "$config.irs" >"$config"
rm -f "$config.irs"

printf '%s\n' "$program" >/usr/sbin/irs-first-boot
chmod 755 /usr/sbin/irs-first-boot
printf '%s\n' "$unit" >/etc/systemd/system/irs-first-boot.service
chmod 644 /etc/systemd/system/irs-first-boot.service
mkdir -p /etc/systemd/system/multi-user.target.wants
ln -sfn ../irs-first-boot.service /etc/systemd/system/multi-user.target.wants/irs-first-boot.service

# The kernel talks on the serial line, which 'irs console' shows. An image that has its own way of booting keeps it.
console='console=tty0 console=ttyS0,115200n8'
if ! grep -qs 'console=ttyS0' /etc/default/grub /boot/grub*/grub.cfg /boot/loader/entries/*.conf /etc/kernel/cmdline; then
  if has grubby; then
    grubby --update-kernel=ALL --args="$console" || true
  fi
  if [ -e /etc/default/grub ]; then
    sed -i "s/^GRUB_CMDLINE_LINUX=\"\(.*\)\"/GRUB_CMDLINE_LINUX=\"\1 $console\"/" /etc/default/grub
    if has update-grub; then
      update-grub || true
    elif ! has grubby; then
      for config in /boot/grub2/grub.cfg /boot/grub/grub.cfg; do
        if [ -e "$config" ]; then grub2-mkconfig -o "$config" || grub-mkconfig -o "$config" || true; fi
      done
    fi
  fi
fi
