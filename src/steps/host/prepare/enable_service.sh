# Enables and starts a service of libvirt's under systemd. $1: its name; $2: "socket", when it is started by its sockets.
name=$1
systemctl daemon-reload
if [ "$2" != socket ]; then
  systemctl enable --now "$name.service"
  exit
fi
set --
for socket in "$name.socket" "$name-ro.socket" "$name-admin.socket"; do
  [ "$(systemctl show -p LoadState "$socket")" = LoadState=loaded ] && set -- "$@" "$socket"
done
systemctl enable "$name.service" "$@" || exit 1
# Its sockets start it when somebody comes.
systemctl start "$@"
