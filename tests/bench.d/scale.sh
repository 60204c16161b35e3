# One environment of ever more parked nodes on one host, fifty networks, and ten environments: time, memory and libvirt calls of each
# phase of irs, beside virsh and virt-install doing as much as they can of it. Writes tables of its own, with the processor time of the
# most nodes, and a plot as docs/scale.svg.
# BENCH_SIZES='10 50 100 500' how many nodes, BENCH_VIRT_INSTALL=500 up to how many virt-install makes them, BENCH_SSH=500 virsh over SSH.
# shellcheck shell=bash disable=SC2016,SC2154

read -r -a sizes <<<"${BENCH_SIZES:-10 50 100 500}"
if [ ${#sizes[@]} -lt 2 ]; then
    echo "error: BENCH_SIZES is '${BENCH_SIZES-}', and a plot needs two sizes: BENCH_SIZES='10 100'" >&2
    exit 2
fi
virt_install_most=${BENCH_VIRT_INSTALL:-500}
ssh_most=${BENCH_SSH:-500}
phases=(plan create no-op status cleanup)

# A phase of irs with a workload: so many nodes, or `networks`, or `environments`.
irs_phase() {
    local phase=$1 workload=$2 flags=(--virt-type qemu --start os --host-memory-overcommit)
    case $workload in
    networks) irs_does "$phase" "$workload" --topology-nodes diskless:10 --topology-network "$work/scale/fifty.yml" "${flags[@]}" ;;
    environments) in_ten "$phase" --topology-nodes diskless:50 --wait "${flags[@]}" ;;
    *) irs_does "$phase" "$workload" --topology-nodes "diskless:$workload" --topology-network tests/bench.d/wide.yml "${flags[@]}" ;;
    esac
}

# irs_does PHASE WORKLOAD FLAG…: the flags are those of a run that makes it.
irs_does() {
    local phase=$1 workload=$2 words=(virsh)
    shift 2
    case $phase in
    plan) words+=("$@" --dry-run) ;;
    create | no-op) words+=("$@") ;;
    status) words=(status) ;;
    cleanup) words+=(--kill --yes) ;;
    esac
    /usr/bin/time -q -a -o "$work/scale/$workload.$phase.used" -f '%M %U %S' target/release/irs "${words[@]}" \
        --host-address "$LAB_ADDRESS" --host-key "$LAB_KEY" --known-hosts "$LAB_KNOWN_HOSTS"
}

# The same phase of ten environments at the same time.
in_ten() {
    local phase=$1 pids=() n
    shift
    for n in {0..9}; do
        IRS_PREFIX=big$n irs_does "$phase" environments "$@" >"$work/scale/big$n" 2>&1 &
        pids+=($!)
    done
    for n in "${!pids[@]}"; do wait "${pids[$n]}" || { cat "$work/scale/big$n" && return 1; }; done
}

# Hundredths of a second of processor time so far: libvirtd's own, of what it started and waited for, and of all SSH sessions that ended.
processor() {
    on_host 'until ! pgrep -P "$(cat /run/sshd.pid)" >/dev/null; do sleep 0.1; done
        awk "{ sub(/.*\\) /, \"\"); print \$12 + \$13, \$14 + \$15 }" "/proc/$(cat /run/libvirtd.pid)/stat" "/proc/$(cat /run/sshd.pid)/stat" |
            tr "\n" " " | cut -d" " -f1,2,4'
}

# Does something and notes its time, and the processor time that it took on the hypervisor.
spent() {
    local key=$1 before
    before=$(processor)
    timed "$@"
    echo "$before $(processor)" >>"$work/scale/$key.processor"
}

# The calls of each phase, in a round of its own: libvirtd writes a line for each of them.
scale_calls() {
    local workload=$1 phase
    tests/lab/calls bench >/dev/null
    for phase in "${phases[@]}"; do
        irs_phase "$phase" "$workload" >/dev/null 2>&1
        tests/lab/calls bench | awk '{ sum += $1 } END { print sum }' >"$work/scale/$workload.$phase.calls"
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
        spent "scale.$nodes.$phase" irs_phase "$phase" "$nodes"
        if [ "$phase" = create ] && [ ! -d "$kept" ]; then keep_definitions "$kept"; fi
    done
    timed "scale.$nodes.networks" on_host "$make_networks" "$kept"
    spent "scale.$nodes.floor" on_host "$define_all" "$kept"
    spent "scale.$nodes.unfloor" on_host "$undefine_all" "$kept"
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

# One row of a table of phases: `least` is the number of nodes that those of a larger one are held against.
phase_row() {
    local what=$1 workload=$2 phase=$3 least=${4-}
    awk -v what="$what" -v phase="$phase" -v median="$(median "scale.$workload.$phase")" -v spread="$(spread "scale.$workload.$phase")" \
        -v memory="$(sort -n "$work/scale/$workload.$phase.used" | tail -n 1 | cut -d" " -f1)" \
        -v calls="$(cat "$work/scale/$workload.$phase.calls")" -v nodes="$workload" -v least="$least" \
        -v base="$([ -z "$least" ] || cat "$work/scale/$least.$phase.calls")" 'BEGIN {
            printf "| %s | %s | %.2f (%s) | %.1f | %d |", what, phase, median, spread, memory / 1024, calls
            if (least != "") printf " %s |", nodes == least ? "–" : sprintf("%.2f", (calls - base) / (nodes - least))
            print "" }'
}

phases_table() {
    local nodes phase
    printf '| nodes | phase | seconds, median (lowest–highest) | MiB of memory | libvirt calls | calls for each node more |\n|---|---|---|---|---|---|\n'
    for nodes in "${sizes[@]}"; do
        for phase in "${phases[@]}"; do phase_row "$nodes" "$nodes" "$phase" "${sizes[0]}"; done
    done
}

# The same of what is wide: one environment on many networks, and many environments.
wide_table() {
    local phase
    printf '| what | phase | seconds, median (lowest–highest) | MiB of memory | libvirt calls |\n|---|---|---|---|---|\n'
    for phase in "${phases[@]}"; do phase_row '50 networks, 10 nodes with a NIC on each' networks "$phase"; done
    for phase in "${phases[@]}"; do phase_row 'ten environments, 50 nodes and 3 networks each, at the same time' environments "$phase"; done
}

# The median of a column's numbers, which come one a line.
middle() { sort -n | awk '{ at[NR] = $1 } END { printf "%.2f", at[int((NR + 1) / 2)] }'; }

# One row of `processor_table`; a column of what the hypervisor spent is the difference of two readings.
processor_row() {
    local what=$1 key=scale.$2.$3 used=$work/scale/$2.$3.used column
    printf '| %s | ' "$what"
    if [ -e "$used" ]; then awk '{ print $2 + $3 }' "$used" | middle; else printf '–'; fi
    for column in 1 2 3; do
        printf ' | '
        awk -v column="$column" '{ print ($(column + 3) - $column) / 100 }' "$work/scale/$key.processor" | middle
    done
    echo ' |'
}

processor_table() {
    local nodes=$1 phase
    printf '| seconds of a processor, %s nodes, median | irs | libvirtd | what libvirtd starts | sshd and its sessions |\n|---|---|---|---|---|\n' "$nodes"
    for phase in "${phases[@]}"; do processor_row "$phase" "$nodes" "$phase"; done
    processor_row '`virsh define` of them, 8 connections on the hypervisor, without networks' "$nodes" floor
    processor_row '`virsh undefine`, likewise' "$nodes" unfloor
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

networks_round() {
    local kept=$work/scale/fifty phase
    for phase in "${phases[@]}"; do
        timed "scale.networks.$phase" irs_phase "$phase" networks
        if [ "$phase" = create ] && [ ! -d "$kept" ]; then keep_definitions "$kept"; fi
    done
    timed fifty.networks on_host "$make_networks" "$kept"
    timed fifty.unnetworks on_host "$remove_networks" "$kept"
}

# A small environment that is there already, alone and beside ten others with fifty nodes each, made at the same time.
environments_round() {
    local small=(--prefix small --topology-nodes diskless:1 --topology-network 1_net --start os --host-memory-overcommit) phase
    irs "${small[@]}" >/dev/null 2>&1
    for _ in 1 2 3; do timed neighbours.alone irs "${small[@]}"; done
    for phase in "${phases[@]}"; do
        if [ "$phase" = cleanup ]; then
            for _ in 1 2 3; do timed neighbours.beside irs "${small[@]}"; done
        fi
        timed "scale.environments.$phase" irs_phase "$phase" environments
    done
    irs --kill --yes --prefix small >/dev/null 2>&1
}

many_table() {
    # shellcheck disable=SC2034 # The file that `row` and `figures` mean.
    local table=$work/scale/many
    row '50 networks and 10 nodes with 50 NICs each; the networks alone by hand, on the hypervisor' scale.networks.create fifty.networks
    row 'removing them; the networks alone by hand' scale.networks.cleanup fifty.unnetworks
    row 'a node of its own beside ten environments of 50 nodes, nothing to do; the same alone' neighbours.beside neighbours.alone
    figures scale
}

measure_scale() {
    local workload round
    mkdir -p "$work/scale"
    fifty_networks >"$work/scale/fifty.yml"
    for workload in networks environments; do
        scale_calls "$workload"
        for round in $(seq "$rounds"); do "${workload}_round"; done
    done
    wide_table | document wide
    many_table | document networks
    for workload in "${sizes[@]}"; do
        scale_calls "$workload"
        for round in $(seq "$rounds"); do scale_round "$workload" "$round"; done
    done
    nodes_table | document nodes
    phases_table | document phases
    processor_table "${sizes[-1]}" | document processor
    scale_points >"$work/scale.points"
    python3 -B tests/bench.d/plot.py <"$work/scale.points" >docs/scale.svg
}
