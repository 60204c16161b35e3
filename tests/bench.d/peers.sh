# The same work by irs and by its peers, by turns in one lab: nodes over one image with a network, from nothing until they run,
# until one with an OS answers SSH, the same command again, and removing it all. Writes a section of docs/benchmarks.md and
# docs/peers.svg. BENCH_PEER_NODES='3 10' how many nodes that only run, BENCH_BOOTS=N in how many of the rounds
# one with an OS, too (1), BENCH_PATIENCE=300 for how many seconds that is asked for SSH.
# Each tool is a file of tests/bench.d/peers with these functions, in its name:
#   prepare_TOOL         what there is before the clock starts: the tool, its settings, the image where it looks for it
#   version_TOOL         prints what is compared
#   make_TOOL N KIND     makes N nodes of a kind, `idle` (over an image that does not boot) or `guest`; may wait for SSH
#   remove_TOOL N KIND   removes them and their network
# and says in `again` whether the same command can be run twice, in `waits` the name of its process if it waits for SSH, in
# `address` where its first node is if that has no lease, and in `silent` why that would never answer.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154

read -r -a peer_sizes <<<"${BENCH_PEER_NODES:-3 10}"
tools=(irs virt_install virt_install_at_once kcli kcli_threads virt_lightning)
peers=$work/peers
# What all nodes are: MiB of memory by kind, one CPU, a disk over the image, and a user of this name with the lab's key.
declare -A memory=([idle]=128 [guest]=1024)
disk_gib=20
user=cloud-user
declare -A waits=([virsh]=virsh) again address silent

for tool in irs virt_install kcli virt_lightning; do
    # shellcheck source=/dev/null
    source "tests/bench.d/peers/$tool.sh"
done

prepare_peers() {
    local tool kind
    mkdir -p "$peers/commands"
    idle_image
    cp "$idle" "$peers/idle.qcow2"
    cp "$LAB_IMAGE" "$peers/guest.qcow2"
    on_host 'virsh -q pool-info default >/dev/null 2>&1 || { virsh -q pool-define-as default dir --target "$1" && virsh -q pool-start default; }
        cp "$2/idle.qcow2" "$2/guest.qcow2" "$1/" && virsh -q pool-refresh default' "$images" "$peers"
    for tool in "${tools[@]}"; do
        "prepare_$tool"
        printf '%s\t%s\n' "$tool" "$("version_$tool")" >>"$peers/versions.tsv"
    done
    # libvirt itself says when a node was started: nobody is asked for it while the others work.
    $LAB_NSENTER virsh event --event lifecycle --loop --timestamp >>"$peers/events" 2>&1 &
    watcher=$!
    sleep 1
}

# Keeps the words of a command that is run, of the first time only, for the list of commands.
record() {
    local name=$1
    shift
    [ -e "$peers/commands/$name" ] || echo "$*" >"$peers/commands/$name"
}

# The same of a file that such a command names.
record_file() { [ -e "$peers/commands/$1.file" ] || { echo "# ${2##*/}" && cat "$2"; } >"$peers/commands/$1.file"; }

# sample JOB TOOL SECONDS|- [REMARK]
sample() {
    printf '%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$round" "$3" "${4-}" >>"$peers/samples.tsv"
    echo "   $1 $2 $3 ${4-}" >&2
}

seconds_since() { awk -v from="$1" -v to="${2-$(now)}" 'BEGIN { printf "%.3f", (to - from) / 1e6 }'; }

started() { grep -c ': Started ' "$peers/events" || true; }

# A process's children, theirs, and so on.
descendants() {
    local child
    for child in $(pgrep -P "$1"); do echo "$child" && descendants "$child"; done
}

# Ends a tool that waits for SSH of nodes that never answer, and waits until it has ended at a safe point.
stop() {
    local process
    for process in $(descendants "$2"); do
        if [ "$(cat "/proc/$process/comm" 2>/dev/null)" = "${waits[$1]}" ]; then kill -TERM "$process" || true; fi
    done
    wait "$2" 2>/dev/null || true
}

# Until so many nodes run: from the command line to the last one's start, as libvirt notes it.
run_nodes() {
    local tool=$1 nodes=$2 job="$2 nodes run" since pid last all=
    : >"$peers/events"
    since=$(now)
    "make_$tool" "$nodes" idle >"$work/said" 2>&1 &
    pid=$!
    while [ "$(started)" -lt "$nodes" ] && kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
    if [ "$(started)" -ge "$nodes" ]; then
        if [ -n "${waits[$tool]-}" ]; then stop "$tool" "$pid"; else wait "$pid" || true; fi
    else
        wait "$pid" || true
        sleep 0.5
    fi
    if [ "$(started)" -ge "$nodes" ]; then
        all=yes
        last=$(grep ': Started ' "$peers/events" | sed -n "${nodes}s/: event .*//p")
        sample "$job" "$tool" "$(seconds_since "$since" "$(date -d "$last" +%s%6N)")"
    else
        cp "$work/said" "$peers/failed.$tool.$round"
        # With what the tool itself says, if it says so in a line.
        sample "$job" "$tool" - "$(started) of $nodes nodes run$(sed -n 's/^error: /: /p' "$work/said" | head -n 1)"
    fi
    since=$(now)
    "remove_$tool" "$nodes" idle >"$work/said" 2>&1 || cat "$work/said" >&2
    removed "removing $nodes nodes" "$tool" "$since" "$all"
}

# removed JOB TOOL SINCE ALL: notes a removal, which is none of the others' where not all was there, and removes what it left.
removed() {
    local time left
    time=$(seconds_since "$3")
    left=$(on_host '{ virsh -q list --all --name; virsh -q net-list --all --name; } | grep -cvx -e default -e "" || true')
    if [ -z "$4" ]; then
        sample "$1" "$2" -
    elif [ "$left" = 0 ]; then
        sample "$1" "$2" "$time"
    else
        sample "$1" "$2" - "$left nodes and networks left"
    fi
    on_host 'for name in $(virsh -q list --all --name); do virsh -q destroy "$name" 2>/dev/null || true; virsh -q undefine "$name"; done
        for name in $(virsh -q net-list --all --name | grep -vx default); do
            virsh -q net-destroy "$name" 2>/dev/null || true
            virsh -q net-undefine "$name" 2>/dev/null || true
        done
        rm -rf "$1"/bench-* "$1"/irs-default "$1"/lightning/bench-*
        for pool in $(virsh -q pool-list --name); do virsh -q pool-refresh "$pool"; done' "$images"
}

# Waits until a node with an OS lets a command in: $1 its name, $2 its address if it has no lease.
let_in() {
    # shellcheck disable=SC2086 # a prefix of several words
    $LAB_NSENTER timeout "${BENCH_PATIENCE:-300}" bash -c '
        until at=${2:-$(virsh -q domifaddr "$1" 2>/dev/null | awk "{ sub(\"/.*\", \"\", \$4); print \$4; exit }")}
            [ -n "$at" ] && ssh -F none -i "$3" -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=2 -o LogLevel=ERROR \
                -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "$4@$at" true 2>/dev/null; do sleep 0.5; done' \
        bash "$1" "$2" "$LAB_KEY" "$user"
}

# One node with an OS: until it answers, until the command is through, and the same command again.
boot_node() {
    local tool=$1 since pid node=bench-0 there=
    [ "$tool" != irs ] || node=undercloud-0
    since=$(now)
    "make_$tool" 1 guest >"$work/said" 2>&1 &
    pid=$!
    if [ -n "${silent[$tool]-}" ]; then
        sample '1 node answers SSH' "$tool" - "${silent[$tool]}"
        there=yes
    elif let_in "$node" "${address[$tool]-}"; then
        sample '1 node answers SSH' "$tool" "$(seconds_since "$since")"
        there=yes
    else
        sample '1 node answers SSH' "$tool" - 'no answer in time'
        [ -z "${waits[$tool]-}" ] || stop "$tool" "$pid"
    fi
    if wait "$pid" && [ -n "$there" ] && [ "${again[$tool]-}" = yes ]; then
        since=$(now)
        if "make_$tool" 1 guest >"$work/said" 2>&1; then
            sample 'the same command again' "$tool" "$(seconds_since "$since")"
        else
            sample 'the same command again' "$tool" - 'it failed'
        fi
    fi
    since=$(now)
    "remove_$tool" 1 guest >"$work/said" 2>&1 || cat "$work/said" >&2
    removed 'removing that node' "$tool" "$since" "$there"
}

# The tools in an order that differs from round to round, so that none is always first.
turns() {
    local n
    for n in "${!tools[@]}"; do echo "${tools[$(((n + round) % ${#tools[@]}))]}"; done
}

# Writes what there is by now, after each round.
write_peers() {
    {
        printf 'date\t%s\ncpus\t%s\nload before\t%s\nload\t%s\n' "$(date -u +%F)" "$(nproc)" "$1" "$(cut -d' ' -f1-3 /proc/loadavg)"
        printf 'libvirt\t%s\nqemu\t%s\n' "$(virsh --version)" "$(qemu-system-x86_64 --version | awk 'NR == 1 { print $4 }')"
        # What is of this machine alone is not for the list of commands.
        printf 'hide\t%s\t%s\n' "$peers/" '' "$LAB_KEY" KEY "$LAB_KNOWN_HOSTS" KNOWN_HOSTS "$LAB_ADDRESS" HYPERVISOR target/release/ ''
    } >"$peers/facts.tsv"
    python3 -B tests/bench.d/peers.py "$peers" docs/benchmarks.md docs/peers.svg
    echo '   docs/benchmarks.md and docs/peers.svg are written' >&2
}

measure_peers() {
    local tool nodes kind before
    before=$(cut -d' ' -f1-3 /proc/loadavg)
    prepare_peers
    # The image gets into irs's cache first: the others have it where they look for it, too.
    for kind in idle guest; do
        round=0
        make_irs 1 "$kind" --start none --timeout 1 >/dev/null 2>&1 || true
        remove_irs 1 "$kind" >/dev/null 2>&1
    done
    rm -f "$peers/commands/"*
    for round in $(seq "$rounds"); do
        for nodes in "${peer_sizes[@]}"; do
            for tool in $(turns); do run_nodes "$tool" "$nodes"; done
        done
        if [ "$round" -le "$boots" ]; then
            for tool in $(turns); do
                # Those of several nodes at once are the same for one.
                case $tool in *_at_once | *_threads) ;; *) boot_node "$tool" ;; esac
            done
        fi
        write_peers "$before"
    done
    stop virsh "$watcher"
}
