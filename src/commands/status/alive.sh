# For how long domains have been running, by their emulators' processes, and which of them answer on port 22: lines of
# "up SECONDS NAME" and "answers NAME". On its input: a line for each domain, its
# address, or - where nobody is to be asked, and its name.
knock() {
  # An sshd speaks first. It is asked once, and has two seconds for it.
  timeout 2 bash -c 'exec 3<>"/dev/tcp/$1/22" && IFS= read -r banner <&3 && case $banner in SSH-*) ;; *) exit 1 ;; esac' knock "$2" \
    >/dev/null 2>&1 </dev/null && echo "answers $1"
}
while read -r address name; do
  [ "$address" = - ] || knock "$name" "$address" &
  if pid=$(cat -- "/run/libvirt/qemu/$name.pid" 2>/dev/null) && seconds=$(ps -o etimes= -p "$pid" 2>/dev/null); then
    echo "up" $seconds "$name"
  fi
done
wait
