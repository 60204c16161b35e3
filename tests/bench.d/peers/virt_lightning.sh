# virt-lightning on the hypervisor itself: it looks for images in a folder of its own, so it knows no other place. It waits for its nodes.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154

virt_lightning_version=2.5.0
waits[virt_lightning]=python
again[virt_lightning]=yes
# It hands addresses out itself, this one first, and its nodes have no lease.
address[virt_lightning]=10.9.9.5

prepare_virt_lightning() {
    local venv=$PWD/.cache/bench/virt-lightning kind n
    lightning=("$venv/bin/python" "$PWD/tests/bench.d/peers/lightning.py" "$images/lightning" --config "$peers/lightning.ini")
    if ! "$venv/bin/vl" --version 2>/dev/null | grep -q " $virt_lightning_version\$"; then
        python3 -m venv --clear "$venv"
        "$venv/bin/pip" install -q "virt-lightning==$virt_lightning_version" libvirt-python==12.8.0 PyYAML==6.0.3
    fi
    mkdir -p "$peers/lightning"
    printf '[main]\nnetwork_cidr = 10.9.9.0/24\nssh_key_file = %s.pub\n' "$LAB_KEY" >"$peers/lightning.ini"
    for kind in idle guest; do
        for n in 1 "${peer_sizes[@]}"; do
            seq -f "- {name: bench-%.0f, distro: $kind, memory: ${memory[$kind]}, vcpus: 1, disks: [{size: $disk_gib}], username: $user,
  metadata_format: {provider: nocloud}}" 0 $((n - 1)) >"$peers/$kind.$n.virt-lightning.yaml"
        done
    done
    on_host 'mkdir -p "$1/lightning/upstream" && cp "$1/idle.qcow2" "$1/guest.qcow2" "$1/lightning/upstream/"' "$images"
}

version_virt_lightning() { echo "$virt_lightning_version"; }

# Its settings have a home of their own, too.
lightning() { on_host 'HOME=$1 exec "${@:2}"' "$peers/lightning" "${lightning[@]}" "$@"; }

make_virt_lightning() {
    record_file virt_lightning "$peers/$2.$1.virt-lightning.yaml"
    record virt_lightning vl --config "$peers/lightning.ini" up --virt-lightning-yaml "$peers/$2.$1.virt-lightning.yaml"
    lightning up --virt-lightning-yaml "$peers/$2.$1.virt-lightning.yaml"
}

remove_virt_lightning() {
    record virt_lightning.remove vl --config "$peers/lightning.ini" down
    lightning down
}
