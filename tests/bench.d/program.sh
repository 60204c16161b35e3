# What the program costs before it does anything: `irs --help` beside an empty program that is linked to libvirt.
# shellcheck shell=bash disable=SC2016,SC2154

measure_program() {
    local since
    echo 'int main(void) { return 0; }' >"$work/empty.c"
    gcc -Wl,--no-as-needed -o "$work/empty" "$work/empty.c" -lvirt
    for _ in $(seq $((rounds * 10))); do
        since=$(now) && target/release/irs --help >/dev/null && note help.irs "$since"
        since=$(now) && "$work/empty" >/dev/null && note help.empty "$since"
    done
    row '`irs --help`; an empty program linked to libvirt' help.irs help.empty 'irs <= other + 0.005'
}
