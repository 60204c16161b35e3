# A large file to the hypervisor: by irs's own transport, and by scp, by turns. BENCH_UPLOAD_MIB says how large (1024).
# shellcheck shell=bash disable=SC2016,SC2154

measure_upload() {
    local file=$work/upload mib=${BENCH_UPLOAD_MIB:-1024}
    cargo build --release --locked --example upload
    head -c "${mib}M" /dev/urandom >"$file"
    for _ in $(seq "$rounds"); do
        timed upload.irs target/release/examples/upload "$LAB_ADDRESS" root "$LAB_KEY" "$LAB_KNOWN_HOSTS" "$file" "$images/bench.part"
        on_host 'cmp "$1" "$2/bench.part" && rm "$2/bench.part"' "$file" "$images"
        timed upload.scp scp -q -F none -i "$LAB_KEY" -o UserKnownHostsFile="$LAB_KNOWN_HOSTS" "$file" "root@$LAB_ADDRESS:$images/bench.scp"
        on_host 'rm "$1/bench.scp"' "$images"
    done
    rm "$file"
    row "an upload of $mib MiB, hashed on the way; \`scp\`" upload.irs upload.scp 'irs * 0.8 <= other'
}
