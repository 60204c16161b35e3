# What irs must know of a hypervisor, in one round trip. $1: the images folder, $2: the deployment's record, $3: its
# blueprint.
# A change of the bridges that is not confirmed yet may be taken back: it is waited for.
left=200
while [ "$left" -gt 0 ] && grep -qxs -e new -e applied /run/irs/bridge-*/state; do left=$((left - 1)); sleep 0.2; done
section() { printf '\n#%s\n' "$1"; }
section machine-id; cat /etc/machine-id 2>/dev/null
section product-uuid; cat /sys/class/dmi/id/product_uuid 2>/dev/null
section memory; grep -E '^(MemAvailable|MemTotal):' /proc/meminfo
section cpus; getconf _NPROCESSORS_ONLN
section flags; grep -m1 -oE '\b(vmx|svm)\b' /proc/cpuinfo
section kvm; [ -c /dev/kvm ] && echo yes
section routes; { ip -o -4 route show table all; ip -o -6 route show table main; } 2>/dev/null
section bridges
for bridge in /sys/class/net/*/bridge; do
  [ -d "$bridge" ] || continue
  name=${bridge%/bridge}
  read -r ageing <"$bridge/ageing_time"
  read -r mask <"$bridge/group_fwd_mask"
  read -r querier <"$bridge/multicast_querier"
  echo "${name##*/} $ageing $mask $querier"
done
if command -v ovs-vsctl >/dev/null 2>&1; then
  section openvswitch
  ovs-vsctl --timeout=5 --format=json -- --columns=name,external_ids,ports list Bridge \
    -- --columns=_uuid,name,tag,trunks,vlan_mode,external_ids,interfaces list Port \
    -- --columns=_uuid,external_ids list Interface 2>&1
  section openvswitch-module
  { [ -d /sys/module/openvswitch ] || modprobe -n -q openvswitch; } 2>/dev/null && echo yes
fi
section open-folder; open_folder "$1"
section disk
folder=$1
while [ ! -d "$folder" ] && [ "$folder" != / ] && [ -n "$folder" ]; do folder=$(dirname -- "$folder"); done
df -PB1 -- "$folder" 2>/dev/null | tail -n 1
# Root may write everywhere but where the file system takes nothing.
section writable; [ -w "$folder" ] && echo yes
section programs; for program in qemu-img curl sha256sum swtpm swtpm_setup ovs-vsctl virt-customize guestfish; do command -v "$program" >/dev/null 2>&1 && echo "$program"; done
section leases; ls /run/irs 2>/dev/null
section folders
for folder in "$1"/irs-*/; do
  [ -d "$folder" ] || continue
  # A deployment's folder has its record, or is what a killed run left before or after it.
  left=$(ls -A -- "$folder" | grep -v -e '^record\.json' -e '^blueprint\.json' | head -n 1)
  if [ -e "$folder/record.json" ] || [ -z "$left" ]; then basename -- "$folder"; fi
done
# A space before each name, which may begin like a section.
section logs; ls -1 /var/log/libvirt/qemu /var/log/swtpm/libvirt/qemu 2>/dev/null | sed 's/^/ /'
# Taps that are plugged into nothing.
section loose
for file in /sys/class/net/*/tun_flags; do
  [ -e "$file" ] && [ ! -e "${file%/*}/master" ] && basename "${file%/*}"
done
section bases
# Base images that are gone or not as they were placed: the URLs' files that name them, '/', the disks over them.
for seal in "$1"/irs-base-*.seal; do
  [ -e "$seal" ] || continue
  base=${seal%.seal}
  name=${base##*/}
  how=$(seal_state "$base")
  [ "$how" != good ] || continue
  # What libguestfs made comes from nowhere else, and another time it would not make the same.
  case $(seal_line "$base" from) in 'libguestfs, '*) how=$how-customised ;; esac
  printf '%s %s' "$how" "$name"
  for index in "$1"/irs-url-????????????????; do
    [ "$(cat -- "$index" 2>/dev/null)" = "$name" ] && printf ' %s' "${index##*/}"
  done
  printf ' / '
  # A file that an image lies over is named in its first cluster.
  for disk in "${2%/*}"/*; do
    [ -f "$disk" ] && head -c 65536 -- "$disk" | grep -aqF -e "/$name" && printf '%s ' "${disk##*/}"
  done
  echo
done
section disks; disk_heads "${2%/*}" 2>/dev/null
section record; cat -- "$2" 2>/dev/null
section blueprint; cat -- "$3" 2>/dev/null
section end
