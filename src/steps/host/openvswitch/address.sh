# Gives a device its addresses and switches it on. $1: the device, $2: addresses that go, then those that come.
set -e
device=$1 stale=$2
shift 2
for address in $stale; do
  ip address delete "$address" dev "$device" 2>/dev/null || true
done
ip link set dev "$device" up
for address; do
  case $address in
  # Nobody else has it on a bridge of our own, and it is to be there at once.
  *:*) ip address replace "$address" dev "$device" nodad ;;
  *) ip address replace "$address" dev "$device" ;;
  esac
done
