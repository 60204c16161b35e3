# The real guest image in every format and by every way: what goes over the link, how long it takes until it is in the cache and until a
# node of it is ready, and what it costs on the disk. Then nodes without cloud-init: irs's way, and the one that infrared takes.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154

image_node=(--topology-nodes undercloud:1 --topology-network 1_net -e override.undercloud.memory=768 -e override.undercloud.cpu=1 --customize cloud-init)
# How many nodes are customised, one after the other by hand, at once by irs.
image_nodes=${BENCH_IMAGE_NODES:-3}

# The guest image in each format, with the size of its file.
image_files() {
    local folder=$1
    mkdir -p "$folder"
    cp "$LAB_IMAGE" "$folder/compressed.qcow2"
    qemu-img convert -O qcow2 "$LAB_IMAGE" "$folder/v3.qcow2"
    qemu-img convert -O qcow2 -o compat=0.10 "$LAB_IMAGE" "$folder/v2.qcow2"
    qemu-img convert -O qed "$LAB_IMAGE" "$folder/guest.qed"
    qemu-img convert -O vmdk "$LAB_IMAGE" "$folder/sparse.vmdk"
    qemu-img convert -O vmdk -o subformat=streamOptimized "$LAB_IMAGE" "$folder/stream.vmdk"
    qemu-img convert -O raw "$LAB_IMAGE" "$folder/sparse.raw"
    gzip -1 -k "$folder/sparse.raw"
    xz -0 -T0 -k "$folder/sparse.raw"
    zstd -q -3 -k "$folder/sparse.raw"
}

# Bytes that went out of this machine to the hypervisor, and that its own loopback carried.
link_bytes() { cat "/sys/class/net/$LAB_LINK/statistics/tx_bytes"; }
loop_bytes() { $LAB_NSENTER cat /sys/class/net/lo/statistics/rx_bytes; }

mib() { awk -v bytes="$1" 'BEGIN { printf bytes < 10485760 ? "%.1f" : "%.0f", bytes / 1048576 }'; }
passed() { awk -v us="$1" 'BEGIN { printf "%.1f", us / 1e6 }'; }

image_command() {
    target/release/irs image "$1" --host-address "$LAB_ADDRESS" --host-key "$LAB_KEY" --known-hosts "$LAB_KNOWN_HOSTS" "${@:2}"
}

# What is used on the hypervisor's disk by files of the folder of images.
used() { on_host 'shopt -s nullglob; du -cB1 $1 | awk "END { print \$1 }"' "$1"; }

# image_row WHAT FILE SOURCE [FLAG…]: one line of the table.
image_row() {
    local what=$1 file=$2 source=$3 since link loop base pulled ready nodes
    shift 3
    link=$(link_bytes) loop=$(loop_bytes) since=$(now)
    image_command pull "$source" "$@" >"$work/said" 2>&1 || { cat "$work/said" >&2 && return 1; }
    pulled=$(($(now) - since))
    link=$(($(link_bytes) - link)) loop=$(($(loop_bytes) - loop))
    base=$(used "$images/irs-base-*")
    since=$(now)
    irs "${image_node[@]}" --image-url "$source" "$@" >"$work/said" 2>&1 || { cat "$work/said" >&2 && return 1; }
    ready=$(($(now) - since))
    nodes=$(used "$images/irs-default/undercloud-0-*")
    irs --kill --yes >/dev/null 2>&1
    image_command prune --yes >/dev/null 2>&1
    echo "| $what | $(mib "$(stat -c %s "$file")") | $(mib "$link") | $(mib "$loop") | $(passed "$pulled") | $(mib "$base") | $(passed "$ready") | $(mib "$nodes") |" |
        tee -a "$work/images.table" >&2
}

# infrared's way: each node gets a copy of the image, and virt-customize starts its appliance for each.
customised_by_hand() {
    on_host 'export LIBGUESTFS_BACKEND=direct LIBGUESTFS_BACKEND_SETTINGS=force_tcg
        mkdir -p "$2"
        for node in $(seq "$3"); do
            cp "$1" "$2/node-$node.qcow2"
            qemu-img resize -q "$2/node-$node.qcow2" 100G
            virt-customize -q -a "$2/node-$node.qcow2" --hostname "node-$node" --ssh-inject "root:file:$4.pub" --uninstall cloud-init
        done' "$1" "$2" "$image_nodes" "$LAB_KEY"
}

customise_row() {
    echo "| $1 | $2 | $(passed "$3") | $(mib "$4") |" | tee -a "$work/customise.table" >&2
}

measure_customise() {
    local since by_hand=/var/lib/libvirt/images/by-hand nodes=(--topology-nodes "undercloud:$image_nodes" "${image_node[@]:2}" --start none)
    on_host 'mkdir -p "$1"; cp "$2" "$1/guest.qcow2"' "$by_hand" "$1/v3.qcow2"
    since=$(now)
    customised_by_hand "$by_hand/guest.qcow2" "$by_hand/nodes" || return
    customise_row 'a copy and virt-customize for each node, on the hypervisor' "$image_nodes" $((($(now) - since) / image_nodes)) \
        $(($(used "$by_hand/nodes/*") / image_nodes))
    on_host 'rm -r "$1"' "$by_hand"
    for run in first further; do
        since=$(now)
        irs "${nodes[@]/#cloud-init/libguestfs}" --image-url "$1/v3.qcow2" >"$work/said" 2>&1 || { cat "$work/said" >&2 && return 1; }
        case $run in
        first) customise_row '`--customize libguestfs`, the first run: upload, one virt-customize, all nodes' "$image_nodes" $((($(now) - since) / image_nodes)) \
            $(($(used "$images/irs-default/undercloud-*") / image_nodes)) ;;
        further) customise_row 'the same image and customisation again' "$image_nodes" $((($(now) - since) / image_nodes)) \
            $(($(used "$images/irs-default/undercloud-*") / image_nodes)) ;;
        esac
        irs --kill --yes >/dev/null 2>&1
    done
    since=$(now)
    irs "${nodes[@]}" --image-url "$1/v3.qcow2" >/dev/null 2>&1
    customise_row 'cloud-init: an overlay and a seed' "$image_nodes" $((($(now) - since) / image_nodes)) $(($(used "$images/irs-default/undercloud-*") / image_nodes))
    irs --kill --yes >/dev/null 2>&1
    image_command prune --yes >/dev/null 2>&1
}

measure_images() {
    local folder=$work/images url kind file
    image_files "$folder"
    url=$(tests/lab/serve bench "$folder")
    rm -f "$work/images.table" "$work/customise.table"
    for file in compressed.qcow2 v3.qcow2 v2.qcow2 guest.qed sparse.vmdk stream.vmdk sparse.raw sparse.raw.gz sparse.raw.xz sparse.raw.zst; do
        image_row "\`$file\`, sent by the client" "$folder/$file" "$folder/$file"
    done
    for file in compressed.qcow2 sparse.raw sparse.raw.zst; do
        image_row "\`$file\`, fetched by the hypervisor" "$folder/$file" "$url/$file"
    done
    image_row '`compressed.qcow2`, `--image-via client`' "$folder/compressed.qcow2" "$url/compressed.qcow2" --image-via client
    measure_customise "$folder"
    {
        echo '| image | MiB of the file | MiB over the link | MiB fetched on the hypervisor | s until in the cache | MiB of the base | s from the command to a ready node | MiB of the node then |'
        echo '|---|---|---|---|---|---|---|---|'
        cat "$work/images.table"
        echo
        echo '| disks of nodes without starting them | nodes | s per node | MiB per node |'
        echo '|---|---|---|---|'
        cat "$work/customise.table"
        echo
        rounds=1 taken images
    } | document images
    rm -r "$folder"
}
