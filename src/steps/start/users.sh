# Which processes have one of these files open, `ID PROGRAM FILE` on a line. $*: the files.
find /proc/[0-9]*/fd -maxdepth 1 -type l -printf '%h\t%l\n' 2>/dev/null | while IFS='	' read -r process file; do
  for disk in "$@"; do
    [ "$file" = "$disk" ] || continue
    process=${process#/proc/}; process=${process%/fd}
    echo "$process $(cat "/proc/$process/comm") $file"
  done
done
