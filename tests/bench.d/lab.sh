# The lab of `bench`, and the ways to it: irs, virsh through SSH, and commands on the hypervisor itself.
# shellcheck shell=bash disable=SC2016,SC2034,SC2154

rounds=${BENCH_ROUNDS:-3}
boots=${BENCH_BOOTS:-1}
work=$PWD/.cache/bench/run
table=$work/table
images=/var/lib/libvirt/images

prepare() {
    if [ "$(id -u)" -ne 0 ]; then
        echo 'error: bench needs root, to make the namespaces of its hypervisor' >&2
        exit 1
    fi
    tests/lab/install
    install_tools
    tests/rust
    cargo build --release --locked
    tests/lab/image >/dev/null
    rm -rf --one-file-system "$work"
    mkdir -p "$work/samples"
    trap 'tests/lab/down bench' EXIT
    trap 'exit 130' INT TERM
    tests/lab/down bench
    tests/lab/up bench
    # shellcheck source=/dev/null
    source "${IRS_LAB_STATE:-$PWD/.cache/lab}/bench/env"
    export IRS_HOME=$work/home
    unset SSH_AUTH_SOCK
    cat >"$work/ssh" <<END
#!/bin/sh
exec ssh -F none -i '$LAB_KEY' -o IdentitiesOnly=yes -o BatchMode=yes -o UserKnownHostsFile='$LAB_KNOWN_HOSTS' "\$@"
END
    chmod +x "$work/ssh"
    remote="qemu+ssh://root@$LAB_ADDRESS/system?command=$work/ssh"
    warm_up
}

# What only the comparison needs: GNU time for peak memory, what kcli makes its seeds with, and virt-install.
install_tools() {
    local package missing=()
    for package in time genisoimage uuid-runtime virtinst; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    if [ ${#missing[@]} -gt 0 ]; then
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
    fi
}

# A libvirtd that has just started asks each QEMU what it can do: not in anybody's time.
warm_up() { on_host 'virsh domcapabilities --virttype qemu' >/dev/null; }

# `irs virsh` on the lab's hypervisor; notes its peak memory.
irs() {
    local status=0
    /usr/bin/time -q -a -o "$work/memory" -f %M target/release/irs virsh --host-address "$LAB_ADDRESS" \
        --host-key "$LAB_KEY" --known-hosts "$LAB_KNOWN_HOSTS" --virt-type qemu "$@" || status=$?
    return "$status"
}

# Runs a bash script on the hypervisor itself, without SSH.
on_host() {
    local script=$1
    shift
    # shellcheck disable=SC2086 # a prefix of several words
    $LAB_NSENTER bash -euc "$script" bash "$@"
}

# Keeps the definitions of what irs made, to make the very same by hand: FOLDER/domains and FOLDER/networks.
keep_definitions() {
    mkdir -p "$1/domains" "$1/networks"
    on_host 'cd "$1"
        for name in $(virsh list --all --name); do virsh dumpxml --inactive "$name" >"domains/$name"; done
        for name in $(virsh net-list --all --name | grep -vx default); do virsh net-dumpxml --inactive "$name" >"networks/$name"; done' "$1"
}

# The networks that are kept in a folder, by hand.
make_networks='cd "$1/networks"; ls | xargs -P8 -I{} sh -c "virsh -q net-define {} && virsh -q net-autostart {} && virsh -q net-start {}"'
remove_networks='cd "$1/networks"; ls | xargs -P8 -I{} sh -c "virsh -q net-destroy {} && virsh -q net-undefine {}"'
