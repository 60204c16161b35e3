# Fifty parked nodes without disks and three networks; the same run again; and removing it all.
# shellcheck shell=bash disable=SC2016,SC2154

parked=(--topology-nodes diskless:50 --topology-network 3_nets --start os --host-memory-overcommit)
define='cd "$1/domains"; ls | xargs -P8 -n1 virsh -q define'
undefine='cd "$1/domains"; ls | xargs -P8 -n1 virsh -q undefine'

parked_round() {
    local kept=$work/parked
    timed parked.irs irs "${parked[@]}"
    [ -d "$kept" ] || keep_definitions "$kept"
    timed noop.irs irs "${parked[@]}"
    timed unpark.irs irs --kill --yes

    timed parked.networks on_host "$make_networks" "$kept"
    timed parked.host on_host "$define" "$kept"
    timed unpark.host on_host "$undefine" "$kept"
    timed parked.ssh virsh_define "$kept"
    timed unpark.all on_host "$undefine; $remove_networks" "$kept"
}

virsh_define() { (cd "$1/domains" && printf '%s\n' * | xargs -P8 -n1 virsh -q -c "$remote" define); }

measure_parked() {
    for _ in $(seq "$rounds"); do parked_round; done
    row '50 parked nodes and 3 networks; `virsh define` of the 50 through qemu+ssh' parked.irs parked.ssh 'irs <= other + 1'
    row 'the same; `virsh define` of the 50 on the hypervisor itself' parked.irs parked.host 'irs <= other + 1'
    row 'run again, nothing to do' noop.irs '' 'irs < 0.5'
    row 'removing them; `virsh undefine` of the 50 on the hypervisor, and the networks' unpark.irs unpark.all 'irs <= 1.1 * other'
    row 'the same; without the networks' unpark.irs unpark.host
}
