# Shared by the lab's scripts: where a lab's state is, and whether it is up. Source it with $1 = the lab's name.
# shellcheck shell=bash disable=SC2034
lab_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lab_cache=$(cd "$lab_here/../.." && pwd)/.cache/lab
lab_name=$1
if [[ ! $lab_name =~ ^[a-z0-9][a-z0-9-]{0,31}$ ]]; then
    echo "error: '$lab_name' is no name for a lab: lower-case letters, digits and '-', at most 32" >&2
    exit 2
fi
lab_state=${IRS_LAB_STATE:-$lab_cache}/$lab_name

# A process is named by its id and its start time: an id alone may be another process's by now.
# Prints nothing for one that has ended, be it reaped or not.
process_started() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 != "Z" { print $20 }'; }

# Sets lab_holder to the process that holds the lab's namespaces; fails when there is none.
find_holder() {
    local started
    lab_holder=
    [ -e "$lab_state/holder" ] || return 1
    read -r lab_holder started <"$lab_state/holder" || return 1
    [ -n "$started" ] && [ "$(process_started "$lab_holder")" = "$started" ]
}

# Sets lab_init to process 1 of the lab, by its id out here; fails when there is none.
find_init() {
    find_holder || return 1
    # Its only child; no line ends there.
    lab_init=
    read -r lab_init _ 2>/dev/null <"/proc/$lab_holder/task/$lab_holder/children" || [ -n "$lab_init" ]
}

# The command prefix that runs a command on the hypervisor itself.
lab_nsenter() { echo "nsenter --target $lab_init --mount --net --pid --uts --ipc"; }

lab_ssh() {
    ssh -F none -i "$lab_state/id_ed25519" -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=5 \
        -o StrictHostKeyChecking=yes -o "UserKnownHostsFile=$lab_state/known_hosts" "root@$1" "${@:2}"
}
