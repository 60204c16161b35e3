# Ten running nodes over one image, and removing them. The image's boot sector is empty: nodes that run and do nothing.
# shellcheck shell=bash disable=SC2016,SC2154

running=(--topology-nodes undercloud:10 --topology-network 1_net -e override.undercloud.memory=128 -e override.undercloud.cpu=1)

# What irs does, node by node: an overlay, a seed, a definition, a start. $1: what was kept, $2: the base image.
create='kept=$1 base=$2 images=$3
mkdir -p "$images/irs-default"
ls "$kept/domains" | xargs -P8 -I{} sh -c "cp $kept/seeds/{}-seed.img $images/irs-default/ &&
    qemu-img create -q -f qcow2 -F qcow2 -b $base $images/irs-default/{}-disk1.qcow2 100G &&
    virsh -q define $kept/domains/{} && virsh -q start {}"'
destroy='cd "$1/domains"; ls | xargs -P8 -I{} sh -c "virsh -q destroy {} && virsh -q undefine {}"; rm -rf "$2"'

# The image that a node's disk lies over.
base_of() {
    on_host 'qemu-img info -U --output=json "$1"' "$images/irs-default/$1-disk1.qcow2" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["full-backing-filename"])'
}

idle_image() {
    idle=$work/idle.qcow2
    if [ -e "$idle" ]; then return; fi
    cp "$LAB_IMAGE" "$idle"
    qemu-io -c 'write -q -P 0 0 512' "$idle"
    running+=(--image-url "$idle")
}

# `irs` waits for nodes that will never answer: the time is taken when it says that all are started, then it is stopped.
irs_until_started() {
    local since line pid
    since=$(now)
    exec 7< <(irs "${running[@]}" 2>&1 7<&- & echo "pid $!"; wait)
    while read -r line <&7; do
        case $line in
        'pid '*) pid=${line#pid } ;;
        'step 6/6'*done*) note "$1" "$since" && break ;;
        esac
        echo "$line" >>"$work/said"
    done
    [ -n "$line" ] || { tail "$work/said" >&2 && return 1; }
    # The process that measures memory is the parent; irs itself stops at a safe point.
    pkill -INT -P "$pid" -x irs || pkill -INT -P "$(pgrep -P "$pid" -x time)" -x irs
    cat <&7 >/dev/null
    exec 7<&-
    echo "   $1 $(tail -n 1 "$work/samples/$1")" >&2
}

keep_running() {
    keep_definitions "$1"
    mkdir -p "$1/seeds"
    cp "${LAB_STATE}/lib/images/irs-default/"*-seed.img "$1/seeds/"
    base=$(base_of undercloud-0)
}

running_round() {
    local kept=$work/running
    irs_until_started running.irs
    [ -d "$kept" ] || keep_running "$kept"
    timed stop.irs irs --kill --yes
    timed running.hand on_host "$make_networks; cd /; $create" "$kept" "$base" "$images"
    timed stop.hand on_host "$destroy; $remove_networks" "$kept" "$images/irs-default"
    on_host "$make_networks" "$kept"
    timed running.floor on_host "$create" "$kept" "$base" "$images"
    timed stop.floor on_host "$destroy" "$kept" "$images/irs-default"
    on_host "$remove_networks" "$kept"
}

measure_running() {
    idle_image
    # The image gets into the cache of both.
    irs_until_started running.first
    irs --kill --yes >/dev/null 2>&1
    for _ in $(seq "$rounds"); do running_round; done
    row 'the first run with 10 running nodes: the image is uploaded' running.first
    row '10 running nodes over an image; network, overlay, seed, define, start on the hypervisor' running.irs running.hand 'irs <= 1.1 * other'
    row 'the same; the network is there already' running.irs running.floor
    row 'removing them; destroy, undefine, files and the network on the hypervisor' stop.irs stop.hand 'irs <= 1.1 * other'
    row 'the same; without the network' stop.irs stop.floor
}
