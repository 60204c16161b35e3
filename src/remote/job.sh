# Long work: begins or joins it, looks after it, ends it. See job.rs for what the answers mean.
# $1: start, look, forget or stop; $2: the job's name; $3: who asks; $4: the file that it makes, whose size is told.
# start: $5 what it is for; $6 how many seconds to wait for its end; $7 "kept", when its result stays until it is forgotten;
# $8 its script, for sh; $9… the script's arguments; stdin: the script's.
set -u
mask=$(umask)
umask 077
base=/run/irs
# On this machine, for a user who is not root.
[ "$(id -u)" = 0 ] || base=${XDG_RUNTIME_DIR:-/run}/irs
job=$base/job-$2
# Whoever holds the lock on the job's folder runs it: the worker, and what it calls.
idle() { flock -n -- "$job" true 2>/dev/null; }
remove() {
  rm -rf -- "$job"
  rmdir -- "$base" 2>/dev/null
}
# Who has asked for it just now.
awaited() { find "$job" -name 'asks-*' -newermt '5 seconds ago' | head -n 1; }
# Ends the worker with all that it called, if it is still the one that wrote its number.
end() {
  worker=$(cat -- "$job/pid" 2>/dev/null)
  [ -n "$worker" ] && [ "$(readlink "/proc/$worker/fd/9")" = "$job" ] && kill -s TERM -- "-$worker"
  flock -w 5 -- "$job" true
  remove
}
# The state as one word, and what goes with it.
tell() {
  if [ ! -d "$job" ]; then
    echo gone
  elif [ -e "$job/status" ]; then
    status=$(cat -- "$job/status")
    echo "ended $status"
    cat -- "$job/out"
    cat -- "$job/err" >&2
    # A failure is told once: whoever comes next tries again.
    if [ "$status" != 0 ] || [ ! -e "$job/kept" ]; then remove; fi
  elif idle && [ ! -e "$job/status" ]; then
    echo dead
  else
    : >"$job/asks-$3" 2>/dev/null
    echo "runs $(stat -c %s -- "$4" 2>/dev/null || echo 0)"
  fi
}
case $1 in
start)
  # What ended while nobody was there, and nobody came back for.
  find "$base" -mindepth 2 -maxdepth 2 -path '*/job-*/status' -mmin +60 2>/dev/null |
    while IFS= read -r old; do rm -rf -- "${old%/status}"; done
  if ! { mkdir -p -- "$base" && mkdir -p -- "$job" && command exec 9<"$job"; }; then
    echo again
    exit 0
  fi
  if ! flock -n 9; then
    exec 9<&-
    echo joined
    tell "$@"
    exit 0
  fi
  # Somebody may have removed the folder before it was locked.
  [ "$(stat -L -c %i /proc/self/fd/9)" = "$(stat -c %i -- "$job" 2>/dev/null)" ] || { echo again; exit 0; }
  if [ "$(cat -- "$job/status" 2>/dev/null)" = 0 ]; then
    exec 9<&-
    echo joined
    tell "$@"
    exit 0
  fi
  rm -f -- "$job/status"
  printf '%s\n' "$5" >"$job/for"
  : >"$job/asks-$3"
  cat >"$job/in"
  if [ "$7" = kept ]; then : >"$job/kept"; fi
  who=$3 file=$4 wait=$6 text=$8
  shift 8
  # Away from our connection: a session of its own, nothing of ours open but the lock.
  # shellcheck disable=SC2016
  setsid sh -c '
    job=$1 text=$3
    umask "$2"
    shift 3
    echo $$ >"$job/pid"
    exec <"$job/in"
    rm -f -- "$job/in"
    sh -c "$text" sh "$@" >"$job/out" 2>"$job/err"
    echo $? >"$job/status.new"
    mv -- "$job/status.new" "$job/status"
  ' sh "$job" "$mask" "$text" "$@" </dev/null >/dev/null 2>&1 &
  exec 9<&-
  flock -s -w "$wait" -- "$job" true
  echo begun
  tell look '' "$who" "$file"
  ;;
look) tell "$@" ;;
forget) [ ! -d "$job" ] || remove ;;
stop)
  [ -d "$job" ] || exit 0
  rm -f -- "$job/asks-$3"
  # Another run may be waiting for it, too.
  [ -z "$(awaited)" ] || exit 0
  end
  ;;
stop-all)
  # Those that are for $4, which nobody needs any more.
  for job in "$base"/job-*; do
    if [ "$(cat -- "$job/for" 2>/dev/null)" = "$4" ]; then
      end
    # Nor what ended when nobody was left who waited for it.
    elif [ -e "$job/status" ] && [ -z "$(awaited)" ]; then
      remove
    fi
  done
  ;;
esac
exit 0
