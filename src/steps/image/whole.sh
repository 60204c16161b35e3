# Reads all of a base image, and says whether it is what was placed: 'good' or 'broken'. $1: its path, $2: a file whose size
# says how far it is.
set -u
trap 'rm -f -- "$2"' EXIT
trap 'exit 143' TERM
umask 077
( if seal_whole "$1"; then echo good; else echo broken; fi ) &
reader=$!
while kill -0 "$reader" 2>/dev/null; do
  for process in $(cat "/proc/$reader/task/$reader/children" 2>/dev/null) ; do
    at=$(sed -n 's/^pos:[[:space:]]*//p' "/proc/$process/fdinfo/0" 2>/dev/null | head -n 1)
    # A hole: it takes no space.
    [ -z "$at" ] || truncate -s "$at" -- "$2"
  done
  sleep 0.2
done
wait "$reader"
