# kcli through qemu+ssh: a plan with the network and the nodes, one after the other or in its threads. It returns without waiting.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154

again[kcli]=yes
silent[kcli]='its seed is a SATA CD, for which the lab guest has no driver'

prepare_kcli() {
    install_kcli "$peers/kcli" "$LAB_KEY"
    local kind
    for kind in idle guest; do
        cat >"$peers/$kind.plan.yml" <<END
bench: {type: network, cidr: 10.8.8.0/24, nat: true}
{% for n in range(nodes) %}
bench-{{ n }}: {image: $kind.qcow2, memory: ${memory[$kind]}, numcpus: 1, virttype: qemu, disks: [$disk_gib], nets: [bench], vmuser: $user}
{% endfor %}
END
    done
}
prepare_kcli_threads() { :; }

version_kcli() { echo "$kcli_version"; }
version_kcli_threads() { echo "$kcli_version"; }

make_kcli() {
    record_file kcli "$peers/$2.plan.yml"
    record kcli kcli create plan -f "$peers/$2.plan.yml" -P "nodes=$1" bench
    kcli create plan -f "$peers/$2.plan.yml" -P "nodes=$1" bench
}

make_kcli_threads() {
    record kcli_threads kcli create plan -f "$peers/$2.plan.yml" -P "nodes=$1" --threaded bench
    kcli create plan -f "$peers/$2.plan.yml" -P "nodes=$1" --threaded bench
}

remove_kcli() {
    record kcli.remove kcli delete plan -y bench
    kcli delete plan -y bench
}
remove_kcli_threads() { remove_kcli "$@"; }
