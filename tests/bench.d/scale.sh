# One environment of ever more parked nodes on one host: time, memory and libvirt calls of each phase of irs, beside virsh
# and virt-install doing as much as they can of it. Writes tables of its own, and a plot as docs/scale.svg.
# BENCH_SIZES='10 50 100 500' how many nodes, BENCH_VIRT_INSTALL=100 up to how many virt-install makes them, BENCH_SSH=500 virsh over SSH.
# shellcheck shell=bash disable=SC2016,SC2154

read -r -a sizes <<<"${BENCH_SIZES:-10 50 100 500}"
virt_install_most=${BENCH_VIRT_INSTALL:-100}
ssh_most=${BENCH_SSH:-500}
phases=(plan create no-op status cleanup)

# A phase of irs with so many nodes.
irs_phase() {
    local phase=$1 nodes=$2 words=(virsh) flags
    flags=(--virt-type qemu --topology-network tests/bench.d/wide.yml --topology-nodes "diskless:$nodes" --start os
        --host-memory-overcommit)
    case $phase in
    plan) flags+=(--dry-run) ;;
    status) words=(status) flags=() ;;
    cleanup) flags=(--kill --yes) ;;
    esac
    /usr/bin/time -q -a -o "$work/scale/$nodes.$phase.memory" -f %M target/release/irs "${words[@]}" \
        --host-address "$LAB_ADDRESS" --host-key "$LAB_KEY" --known-hosts "$LAB_KNOWN_HOSTS" "${flags[@]}"
}

# The calls of each phase, in a round of its own: libvirtd writes a line for each of them.
scale_calls() {
    local nodes=$1 phase
    tests/lab/calls bench >/dev/null
    for phase in "${phases[@]}"; do
        irs_phase "$phase" "$nodes" >/dev/null 2>&1
        tests/lab/calls bench | awk '{ sum += $1 } END { print sum }' >"$work/scale/$nodes.$phase.calls"
    done
    tests/lab/calls bench stop
}

# Definitions as fast as libvirt takes them: 8 connections, each with its share of the nodes.
define_all='cd "$1/domains"; ls | awk "{ print \"define \" \$1 }" | split -n r/8 --filter="virsh -q >/dev/null"'
undefine_all='cd "$1/domains"; ls | awk "{ print \"undefine \" \$1 }" | split -n r/8 --filter="virsh -q >/dev/null"'
# The way that virt-install has of making a node without starting it.
virt_install='cd "$1/domains"; ls | xargs -P8 -I{} sh -c "virt-install --name {} --memory 32768 --vcpus 8 --virt-type qemu --disk none \
    --pxe --network network=data,model=virtio --network network=management,model=virtio --network network=external,model=virtio \
    --graphics none --osinfo detect=off,require=off --noautoconsole --print-xml 1 | virsh -q define /dev/stdin"'

scale_round() {
    local nodes=$1 round=$2 kept=$work/scale/$1 phase
    for phase in "${phases[@]}"; do
        timed "scale.$nodes.$phase" irs_phase "$phase" "$nodes"
        if [ "$phase" = create ] && [ ! -d "$kept" ]; then keep_definitions "$kept"; fi
    done
    timed "scale.$nodes.networks" on_host "$make_networks" "$kept"
    timed "scale.$nodes.floor" on_host "$define_all" "$kept"
    timed "scale.$nodes.unfloor" on_host "$undefine_all" "$kept"
    timed "scale.$nodes.virsh" on_host "$define" "$kept"
    timed "scale.$nodes.undefine" on_host "$undefine" "$kept"
    # Minutes, and always about the same for a node: once is enough.
    if [ "$round" = 1 ] && [ "$nodes" -le "$ssh_most" ]; then
        timed "scale.$nodes.ssh" virsh_define "$kept"
        on_host "$undefine_all" "$kept"
    fi
    if [ "$round" = 1 ] && [ "$nodes" -le "$virt_install_most" ]; then
        timed "scale.$nodes.virt-install" on_host "$virt_install" "$kept"
        on_host "$undefine_all" "$kept"
    fi
    timed "scale.$nodes.unnetworks" on_host "$remove_networks" "$kept"
}

phases_table() {
    local nodes phase
    printf '| nodes | phase | seconds, median (lowest–highest) | MiB of memory | libvirt calls | calls for each node more |\n|---|---|---|---|---|---|\n'
    local least=${sizes[0]}
    for nodes in "${sizes[@]}"; do
        for phase in "${phases[@]}"; do
            awk -v nodes="$nodes" -v phase="$phase" -v median="$(median "scale.$nodes.$phase")" \
                -v spread="$(spread "scale.$nodes.$phase")" -v least="$least" \
                -v memory="$(sort -n "$work/scale/$nodes.$phase.memory" | tail -n 1)" \
                -v calls="$(cat "$work/scale/$nodes.$phase.calls")" -v base="$(cat "$work/scale/$least.$phase.calls")" 'BEGIN {
                    each = nodes == least ? "–" : sprintf("%.2f", (calls - base) / (nodes - least))
                    printf "| %d | %s | %.2f (%s) | %.1f | %d | %s |\n", nodes, phase, median, spread, memory / 1024, calls, each }'
        done
    done
}

nodes_table() {
    printf '| seconds to make the nodes | %s |\n|---|' "$(printf '%s | ' "${sizes[@]}" | sed 's/ | $//')"
    printf -- '---|%.0s' "${sizes[@]}"
    echo
    scale_row 'irs, networks and all' create
    scale_row '`virsh define`, 8 connections with a share of the nodes each' floor
    scale_row '`virsh define` for each, 8 at a time' virsh
    scale_row 'the same from outside, `qemu+ssh://`' ssh
    scale_row '`virt-install --print-xml` and `virsh define`, 8 at a time' virt-install
    scale_row 'the three networks, to be added to each but irs' networks
}

scale_row() {
    local nodes
    printf '| %s |' "$1"
    for nodes in "${sizes[@]}"; do
        if [ -e "$work/samples/scale.$nodes.$2" ]; then printf ' %.2f |' "$(median "scale.$nodes.$2")"; else printf ' not taken |'; fi
    done
    echo
}

# What was measured, as "series nodes seconds" lines; the networks' time counts for who does not make them.
scale_points() {
    local nodes series
    for nodes in "${sizes[@]}"; do
        for series in "${phases[@]}" floor virsh ssh virt-install unfloor undefine; do
            [ -e "$work/samples/scale.$nodes.$series" ] || continue
            local more=0
            case $series in
            floor | virsh | ssh | virt-install) more=$(median "scale.$nodes.networks") ;;
            unfloor | undefine) more=$(median "scale.$nodes.unnetworks") ;;
            esac
            awk -v series="$series" -v nodes="$nodes" -v time="$(median "scale.$nodes.$series")" -v more="$more" \
                'BEGIN { print series, nodes, time + more }'
        done
    done
}

# Fifty networks, and ten nodes with a NIC on each.
fifty_networks() {
    local n
    echo 'networks:'
    for n in $(seq 0 49); do
        printf '  net%d: {name: net%d, forward: nat, ip_address: 10.%d.0.1, netmask: 24, dhcp: {range: {start: 10.%d.0.2, end: 10.%d.0.254}}}\n' \
            "$n" "$n" $((100 + n)) $((100 + n)) $((100 + n))
    done
    printf 'nodes:\n  default:\n    external_network: net0\n    interfaces:\n'
    printf '      - network: net%d\n' $(seq 0 49)
}

wide_round() {
    local kept=$work/scale/wide flags=(--virt-type qemu --host-memory-overcommit --start os --topology-nodes diskless:10
        --topology-network "$work/scale/fifty.yml")
    timed wide.create irs "${flags[@]}"
    [ -d "$kept" ] || keep_definitions "$kept"
    timed wide.no-op irs "${flags[@]}"
    timed wide.cleanup irs --kill --yes
    timed wide.networks on_host "$make_networks" "$kept"
    timed wide.unnetworks on_host "$remove_networks" "$kept"
}

ten_environments() {
    local pids=() n
    for n in $(seq 0 9); do
        irs --prefix "big$n" --topology-nodes diskless:50 --start os --host-memory-overcommit --wait >"$work/scale/big$n" 2>&1 &
        pids+=($!)
    done
    for n in "${!pids[@]}"; do wait "${pids[$n]}" || { cat "$work/scale/big$n" && return 1; }; done
}

# A small environment that is there already, alone and beside ten others with fifty nodes each, made at the same time.
neighbours_round() {
    local small=(--prefix small --topology-nodes diskless:1 --topology-network 1_net --start os --host-memory-overcommit)
    irs "${small[@]}" >/dev/null 2>&1
    for _ in 1 2 3; do timed neighbours.alone irs "${small[@]}"; done
    timed neighbours.ten ten_environments
    for _ in 1 2 3; do timed neighbours.beside irs "${small[@]}"; done
    timed neighbours.cleanup irs --cleanup --yes
}

many_table() {
    # shellcheck disable=SC2034 # The file that `row` and `figures` mean.
    local table=$work/scale/many
    row '50 networks and 10 nodes with 50 NICs each; the networks alone by hand, on the hypervisor' wide.create wide.networks
    row 'run again, nothing to do' wide.no-op
    row 'removing them; the networks alone by hand' wide.cleanup wide.unnetworks
    row 'ten environments of 50 nodes and 3 networks each, made at the same time' neighbours.ten
    row 'a node of its own beside these 500, nothing to do; the same alone' neighbours.beside neighbours.alone
    row 'removing all eleven' neighbours.cleanup
    figures scale
}

measure_scale() {
    local nodes round
    mkdir -p "$work/scale"
    fifty_networks >"$work/scale/fifty.yml"
    wide_round
    neighbours_round
    many_table | document networks
    for nodes in "${sizes[@]}"; do
        scale_calls "$nodes"
        for round in $(seq "$rounds"); do scale_round "$nodes" "$round"; done
    done
    nodes_table | document nodes
    phases_table | document phases
    scale_points >"$work/scale.points"
    python3 -B tests/bench.d/plot.py <"$work/scale.points" >docs/scale.svg
}
