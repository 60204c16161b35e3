# Look after a change of the host's bridges. $1: the bridge, $2: look, or confirm. Prints how it stands.
dir=/run/irs/bridge-$1
left=300
while [ "$left" -gt 0 ]; do
  state=$(cat "$dir/state" 2>/dev/null) || { echo gone; exit; }
  case $state in
    new) ;;
    applied)
      if [ "$2" = look ]; then echo applied; exit; fi
      : >"$dir/confirmed"
      ;;
    failed) echo "failed $(cat "$dir/failure")"; break ;;
    *) echo "$state"; break ;;
  esac
  left=$((left - 1))
  sleep 0.1
done
kill "$(cat "$dir/pid")" 2>/dev/null
rm -rf "$dir"
rmdir /run/irs 2>/dev/null
exit 0
