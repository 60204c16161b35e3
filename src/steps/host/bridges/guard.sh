# Change the host's bridges, and take it back unless the client comes back. $1: the bridge, $2: the seconds; stdin: the program.
# The folder is the change: its file `state` says new, applied, kept, undone or failed.
set -u
umask 077
dir=/run/irs/bridge-$1
if [ -d "$dir" ]; then
  # The reader of the facts waits for a change that is under way: this is what a killed one left.
  kill "$(cat "$dir/pid")" 2>/dev/null
  rm -rf "$dir"
fi
mkdir -p "$dir" || exit 1
# The sections of the program: apply, undo, and the files 0, 1, ….
section=none
while IFS= read -r line; do
  case $line in
    '#section '*) section=${line#\#section }; : >"$dir/$section" ;;
    *) printf '%s\n' "$line" >>"$dir/$section" ;;
  esac
done
echo new >"$dir/state"
cat >"$dir/worker" <<'END'
dir=$1 seconds=$2
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
trap '' HUP
set -f
line() {
  case $1 in
    ip) shift; said=$(ip "$@" 2>&1) || case $said in *'File exists'*) ;; *) echo "ip $*: $said"; return 1 ;; esac ;;
    sys) [ ! -e "/proc/sys/$2" ] || echo "$3" 2>/dev/null >"/proc/sys/$2" ;;
    like) for key in accept_ra autoconf use_tempaddr addr_gen_mode; do
        cat "/proc/sys/net/ipv6/conf/$2/$key" 2>/dev/null >"/proc/sys/net/ipv6/conf/$3/$key"
      done; return 0 ;;
    put) cat "$dir/$2" >"$3.new" && chmod 600 "$3.new" && mv -f "$3.new" "$3" || { echo "cannot write $3"; return 1; } ;;
    keep) mv -f "$2" "$2.irs-kept" || { echo "cannot set $2 aside"; return 1; } ;;
    back) [ ! -e "$2.irs-kept" ] || mv -f "$2.irs-kept" "$2" ;;
    del) rm -f "$2" ;;
    gone) ip link delete dev "$2" 2>/dev/null; return 0 ;;
    nmcli | netplan) said=$("$@" 2>&1) || { echo "$*: $said"; return 1; } ;;
    *) echo "unknown: $1"; return 1 ;;
  esac
}
undo() { while read -r words; do line $words; done <"$dir/undo" >>"$dir/undo.log" 2>&1; }
say() { echo "$1" >"$dir/state.new" && mv "$dir/state.new" "$dir/state"; }
# The answer to the client goes out first.
sleep 0.2
while read -r words; do
  line $words >"$dir/failure" && continue
  undo
  say failed
  sleep 60
  rm -rf "$dir"
  exit
done <"$dir/apply"
say applied
left=$((seconds * 10))
while [ ! -e "$dir/confirmed" ]; do
  if [ "$left" -le 0 ]; then
    undo
    say undone
    sleep 60
    break
  fi
  left=$((left - 1))
  sleep 0.1
done
[ ! -e "$dir/confirmed" ] || say kept
sleep 5
rm -rf "$dir"
rmdir /run/irs 2>/dev/null
END
setsid sh "$dir/worker" "$dir" "$2" </dev/null >/dev/null 2>&1 &
echo $! >"$dir/pid"
