# Ten running nodes over one image by kcli, through qemu+ssh: until it returns, one by one and in its threads.
# shellcheck shell=bash disable=SC2016,SC2154

kcli_version=99.0.202610251748

# install_kcli HOME KEY: kcli, with its settings and the user's key in a home of its own.
install_kcli() {
    local venv=$PWD/.cache/bench/kcli
    kcli=$venv/bin/kcli
    kcli_home=$1
    if [ ! -x "$kcli" ]; then
        python3 -m venv "$venv" && "$venv/bin/pip" install -q "kcli==$kcli_version" libvirt-python==11.3.0
    fi
    mkdir -p "$kcli_home/.kcli" "$kcli_home/.ssh"
    install -m 600 "$2" "$kcli_home/.ssh/id_ed25519"
    cp "$2.pub" "$kcli_home/.ssh/id_ed25519.pub"
    cat >"$kcli_home/.kcli/config.yml" <<END
default: {client: bench}
bench: {type: kvm, host: $LAB_ADDRESS, user: root, protocol: ssh, pool: default, url: "$remote"}
END
}

prepare_kcli_ten() {
    install_kcli "$work/kcli" "$LAB_KEY"
    # It makes names bench-0 to bench-9 in either way.
    cat >"$kcli_home/plan.yml" <<END
{% for n in range(10) %}
bench-{{ n }}: {image: idle.qcow2, memory: 128, numcpus: 1, virttype: qemu, nets: [default]}
{% endfor %}
END
    on_host 'virsh -q pool-define-as default dir --target "$1" && virsh -q pool-start default
        cp "$2" "$1/idle.qcow2" && virsh -q pool-refresh default
        virsh -q net-define /usr/share/libvirt/networks/default.xml && virsh -q net-start default' "$images" "$idle"
}

kcli() { HOME=$kcli_home "$kcli" "$@"; }

# Its threads refresh the pool all at once and lose nodes by that; how many run is said below the table.
kcli_threads() { kcli create plan -f "$kcli_home/plan.yml" --threaded bench || true; }

kcli_done() {
    local running
    running=$(on_host 'virsh -q list --state-running' | wc -l)
    [ "$running" = 10 ] || echo "kcli, $1: $running of 10 nodes run" >>"$work/remarks"
    kcli delete plan -y bench >/dev/null 2>&1
}

kcli_round() {
    irs_until_started kcli.irs
    irs --kill --yes >/dev/null 2>&1
    timed kcli.one_by_one kcli create vm -i idle.qcow2 -c 10 -P virttype=qemu -P memory=128 -P numcpus=1 \
        -P nets='[default]' -P plan=bench bench
    kcli_done 'one by one'
    timed kcli.threads kcli_threads
    kcli_done 'in threads'
}

measure_kcli() {
    idle_image
    prepare_kcli_ten
    irs_until_started kcli.first
    irs --kill --yes >/dev/null 2>&1
    for _ in $(seq "$rounds"); do kcli_round; done
    row '10 running nodes over an image, with a network; `kcli create plan --threaded`, network there already' \
        kcli.irs kcli.threads 'irs < other / 2'
    row 'the same; `kcli create vm -c 10`' kcli.irs kcli.one_by_one 'irs < other / 2'
}
