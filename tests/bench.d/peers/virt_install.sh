# virt-install on the hypervisor itself, with a network by virsh: a command for each node, one after the other or eight at once.
# It knows no environment: it says that a name is taken when it is run again, and virsh removes what it made.
# shellcheck shell=bash disable=SC2016,SC2154

prepare_virt_install() {
    cat >"$peers/network.xml" <<END
<network>
  <name>bench</name>
  <forward mode='nat'/>
  <bridge name='bench'/>
  <ip address='10.8.8.1' netmask='255.255.255.0'><dhcp><range start='10.8.8.2' end='10.8.8.100'/></dhcp></ip>
</network>
END
    cat >"$peers/user-data" <<END
#cloud-config
users:
  - name: $user
    sudo: ALL=(ALL) NOPASSWD:ALL
    shell: /bin/bash
    ssh_authorized_keys: [$(cat "$LAB_KEY.pub")]
END
}
prepare_virt_install_at_once() { :; }

version_virt_install() { virt-install --version; }
version_virt_install_at_once() { virt-install --version; }

# virt_install AT-ONCE NODES KIND SUFFIX. The machine is `pc`, as the guest's kernel has no driver for the SATA of q35's CD, its seed.
virt_install() {
    local most=$1 nodes=$2 kind=$3
    words=(virt-install --connect qemu:///system --name '{}' --memory "${memory[$kind]}" --vcpus 1 --virt-type qemu --osinfo debian11
        --machine pc --import --disk "size=$disk_gib,backing_store=$images/$kind.qcow2,backing_format=qcow2" --network network=bench
        --cloud-init "user-data=$peers/user-data,disable=on" --graphics none --noautoconsole)
    record "virt_install$4" "virsh net-define network.xml && virsh net-start bench && seq -f bench-%.0f 0 $((nodes - 1)) | xargs -P$most -I{} ${words[*]}"
    on_host 'virsh -q net-define "$1" && virsh -q net-start bench' "$peers/network.xml"
    seq -f 'bench-%.0f' 0 $((nodes - 1)) | on_host 'xargs "-P$1" "-I{}" "${@:2}"' "$most" "${words[@]}"
}
make_virt_install() { virt_install 1 "$1" "$2" ''; }
make_virt_install_at_once() { virt_install 8 "$1" "$2" _at_once; }

remove_virt_install() {
    record virt_install.remove "seq -f bench-%.0f 0 $(($1 - 1)) | xargs -P8 -I{} sh -c 'virsh destroy {} && virsh undefine {} --remove-all-storage' &&" \
        'virsh net-destroy bench && virsh net-undefine bench'
    seq -f 'bench-%.0f' 0 $(($1 - 1)) | on_host 'xargs -P8 "-I{}" sh -c "virsh -q destroy {} && virsh -q undefine {} --remove-all-storage"
        virsh -q net-destroy bench && virsh -q net-undefine bench'
}
remove_virt_install_at_once() { remove_virt_install "$@"; }
