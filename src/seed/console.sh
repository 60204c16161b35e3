# Has the kernel speak on the serial line, which 'irs console' shows and '--serial-files' keeps, where the image's has none:
# a login there now, the kernel's own words from the next boot on. $1: where the root file system is.
root=${1%/}
case $(uname -m) in
aarch64) tty=ttyAMA0 speed=,115200n8 ;;
ppc64le | s390x) tty=hvc0 speed= ;;
*) tty=ttyS0 speed=,115200n8 ;;
esac
grep -qwE "console=$tty(,[^ ]*)?" "$root/proc/cmdline" && exit 0
systemctl enable --now --no-block "serial-getty@$tty.service" >/dev/null 2>&1
args="console=tty0 console=$tty$speed"
if command -v grubby >/dev/null 2>&1; then
  grubby --update-kernel=ALL --args="$args"
elif [ -f "$root/etc/default/grub" ] && ! grep -qsF "console=$tty" "$root/etc/default/grub" "$root"/etc/default/grub.d/*; then
  # The file is a piece of shell, read from top to bottom.
  printf 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX %s"\n' "$args" >>"$root/etc/default/grub"
  if command -v update-grub >/dev/null 2>&1; then
    update-grub
  elif [ -f "$root/boot/grub2/grub.cfg" ]; then
    grub2-mkconfig -o "$root/boot/grub2/grub.cfg"
  fi
fi >/dev/null 2>&1
exit 0
