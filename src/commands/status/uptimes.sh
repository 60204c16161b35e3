# For how long domains have been running, by their emulators' processes: "seconds name" a line. The domains' names are on
# stdin, a line each. One ps for all: a process for each domain takes seconds where there are hundreds.
list=
pids=
while read -r name; do
  read -r pid 2>/dev/null <"/run/libvirt/qemu/$name.pid" || [ -n "$pid" ] || continue
  list="$list$pid $name
"
  pids="$pids,$pid"
  pid=
done
[ -n "$pids" ] || exit 0
{ printf '%s\n' "$list"; ps -o pid= -o etimes= -p "${pids#,}"; } | awk '
  NF == 0 { times = 1; next }
  !times { pid = $1; sub(/^[^ ]+ /, ""); name[pid] = $0; next }
  $1 in name { print $2, name[$1] }'
