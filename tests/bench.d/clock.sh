# The clock of `bench`: samples, their medians, and the tables of docs/benchmarks.md. `work` is the folder of this run.
# shellcheck shell=bash disable=SC2016,SC2154

now() { echo "${EPOCHREALTIME/./}"; }

# Notes a sample: the time since a moment, in seconds.
note() {
    local key=$1 since=$2 time
    time=$(($(now) - since))
    printf '%d.%06d\n' $((time / 1000000)) $((time % 1000000)) >>"$work/samples/$key"
}

# Runs a command and notes how long it took; what it says is shown only when it fails.
timed() {
    local key=$1 since
    shift
    since=$(now)
    "$@" >"$work/said" 2>&1 || { cat "$work/said" >&2 && return 1; }
    note "$key" "$since"
    echo "   $key $(tail -n 1 "$work/samples/$key")" >&2
}

# The median of a key's samples.
median() { sort -n "$work/samples/$1" | awk '{ at[NR] = $1 } END { print at[int((NR + 1) / 2)] }'; }

spread() { sort -n "$work/samples/$1" | awk 'NR == 1 { low = $1 } { high = $1 } END { printf "%.3g–%.3g", low, high }'; }

# row WHAT KEY [OTHER-KEY [GOAL]]: GOAL is an awk expression of `irs` and `other`, both in seconds. Goes into the file `table`.
row() {
    local what=$1 irs other='' goal=${4-}
    irs=$(median "$2")
    if [ -n "${3-}" ]; then other=$(median "$3"); fi
    awk -v what="$what" -v irs="$irs" -v irs_spread="$(spread "$2")" -v other="$other" \
        -v other_spread="$([ -z "$other" ] || spread "$3")" -v goal="$goal" 'BEGIN {
            printf "| %s | %.3f (%s) | ", what, irs, irs_spread
            if (other != "") printf "%.3f (%s) | %.2f |", other, other_spread, irs / other
            else printf "– | – |"
            printf " %s |", goal == "" ? "–" : goal
            exit
        }' >>"$table"
    if [ -n "$goal" ]; then
        awk -v irs="$irs" -v other="${other:-0}" "BEGIN { print ($goal) ? \" yes |\" : \" no |\" }" >>"$table"
    else
        echo ' – |' >>"$table"
    fi
}

# taken PART: under what a part was measured, as a point of a list; its remarks and the memory of its irs are used up.
taken() {
    printf -- '- `%s`: %s, %s CPUs, load %s, %s rounds, irs %s' "$1" "$(date -u +%F)" "$(nproc)" "$(cut -d' ' -f1-3 /proc/loadavg)" \
        "$([ "$1" = boot ] && echo "$boots" || echo "$rounds")" "$(git rev-parse --short HEAD)"
    [ ! -s "$work/memory" ] || sort -n "$work/memory" | awk 'END { printf "; peak resident memory of irs %.1f MiB", $1 / 1024 }'
    [ ! -s "$work/remarks" ] || sort "$work/remarks" | uniq -c | awk '{ times = $1; $1 = ""; printf ";%s (%d times)", $0, times }'
    echo
    rm -f "$work/memory" "$work/remarks"
}

# The rows that are in the file `table`, with a head, and under what a part of them was measured.
figures() {
    printf '| seconds, median (lowest–highest) | irs | the other | ratio | goal | met |\n|---|---|---|---|---|---|\n'
    cat "$table"
    echo
    taken "$1"
}

# document SECTION [merge]: shows a text, and puts it into a section of docs/benchmarks.md.
document() {
    tee "$work/section"
    echo
    python3 -B tests/bench.d/document.py docs/benchmarks.md "$@" <"$work/section"
}
