# A node with an operating system, from the command line to SSH: irs beside an overlay with a plain cloud-init seed, one
# with a user and a key only, so that the guest makes its own host keys. Both are asked for SSH from the hypervisor.
# shellcheck shell=bash disable=SC2016,SC2154

boot=(--topology-nodes undercloud:1 --topology-network 1_net -e override.undercloud.memory=1024 -e override.undercloud.cpu=1)
node=undercloud-0

# Waits until the node lets a command in.
answers() {
    on_host 'until ssh -F none -i "$1" -o BatchMode=yes -o ConnectTimeout=2 -o StrictHostKeyChecking=no \
        -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "cloud-user@$2" true 2>/dev/null; do sleep 0.5; done' \
        "$LAB_KEY" "$1"
}

boot_irs() {
    local since pid
    since=$(now)
    irs "${boot[@]}" --image-url "$LAB_IMAGE" >"$work/said" 2>&1 &
    pid=$!
    until address=$(awk '$1 == "Host" { host = $2 } $1 == "HostName" && host == "'$node'" { gsub("\"", "", $2); print $2; found = 1 }
        END { exit !found }' "$IRS_HOME/default/ansible.ssh.config" 2>/dev/null); do
        kill -0 "$pid" || { cat "$work/said" >&2 && return 1; }
        sleep 0.1
    done
    answers "$address"
    note boot.ssh "$since"
    wait "$pid" || { cat "$work/said" >&2 && return 1; }
    note boot.ready "$since"
    echo "   boot.ssh $(tail -n 1 "$work/samples/boot.ssh"), finished $(tail -n 1 "$work/samples/boot.ready")" >&2
}

plain_seed() {
    cat >"$work/user-data" <<END
#cloud-config
users:
  - name: cloud-user
    sudo: ALL=(ALL) NOPASSWD:ALL
    shell: /bin/bash
    ssh_authorized_keys: [$(cat "$LAB_KEY.pub")]
END
    printf 'instance-id: %s\nlocal-hostname: %s\n' "$(uuidgen)" "$node" >"$work/meta-data"
    rm -f "$work/seed.img"
    truncate -s 1M "$work/seed.img"
    mkfs.vfat -n CIDATA "$work/seed.img" &&
        mcopy -i "$work/seed.img" "$work/user-data" "$work/meta-data" ::
}

boot_hand() {
    plain_seed && on_host "$make_networks; mkdir -p \"\$3/irs-default\"; cp \"\$4\" \"\$3/irs-default/$node-seed.img\"
        qemu-img create -q -f qcow2 -F qcow2 -b \"\$2\" \"\$3/irs-default/$node-disk1.qcow2\" 100G
        virsh -q define \"\$1/domains/$node\"; virsh -q start $node" "$1" "$base" "$images" "$work/seed.img" &&
        answers "$address"
}

boot_round() {
    local kept=$work/boot
    boot_irs
    if [ ! -d "$kept" ]; then keep_definitions "$kept" && base=$(base_of "$node"); fi
    irs --kill --yes >/dev/null 2>&1
    timed boot.hand boot_hand "$kept"
    on_host "$destroy; $remove_networks" "$kept" "$images/irs-default"
}

measure_boot() {
    # The image gets into the cache first: nobody's time.
    irs "${boot[@]}" --image-url "$LAB_IMAGE" --start none --timeout 1 >/dev/null 2>&1 || true
    irs --kill --yes >/dev/null 2>&1
    for _ in $(seq "$boots"); do boot_round; done
    row 'a node with an OS until it answers SSH; an overlay with a plain seed' boot.ssh boot.hand 'irs <= 0.75 * other'
    row 'the same; until irs says it is ready, cloud-init finished' boot.ready boot.hand
}
