# Restarts a daemon of libvirt's; guests go on. $1: its name.
if [ -d /run/systemd/system ]; then
  systemctl restart "$1.service"
else
  said=$("/etc/init.d/$1" restart </dev/null 2>&1) || { printf '%s\n' "$said" >&2; exit 1; }
fi
