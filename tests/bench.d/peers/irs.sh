# irs, from outside over SSH. It waits for its nodes, and is stopped where they never answer.
# shellcheck shell=bash disable=SC2034,SC2154

waits[irs]=irs
again[irs]=yes

prepare_irs() { :; }

version_irs() { echo "$(target/release/irs --version | sed "s/^irs //; q") of $(git rev-parse --short HEAD)"; }

# make_irs NODES KIND [FLAG…]
make_irs() {
    local nodes=$1 kind=$2
    shift 2
    words=(target/release/irs virsh --host-address "$LAB_ADDRESS" --host-key "$LAB_KEY" --known-hosts "$LAB_KNOWN_HOSTS" --virt-type qemu
        --topology-nodes "undercloud:$nodes" --topology-network 1_net -e "override.undercloud.memory=${memory[$kind]}"
        -e override.undercloud.cpu=1 -e "override.undercloud.disks.disk1.size=${disk_gib}G" --image-url "$peers/$kind.qcow2")
    record irs "${words[@]}"
    "${words[@]}" "$@"
}

remove_irs() {
    words=(target/release/irs virsh --host-address "$LAB_ADDRESS" --host-key "$LAB_KEY" --known-hosts "$LAB_KNOWN_HOSTS" --kill --yes)
    record irs.remove "${words[@]}"
    "${words[@]}"
}
