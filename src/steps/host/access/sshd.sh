# How sshd runs here: `sshd` the program, `config` its file, `listener` the process that takes connections, if one does.
sshd=$(command -v sshd || echo /usr/sbin/sshd)
config=/etc/ssh/sshd_config
[ -e "$config" ] || [ ! -e /usr/etc/ssh/sshd_config ] || config=/usr/etc/ssh/sshd_config
listener=
find_sshd() {
  # The uppermost of our ancestors that is sshd. Where systemd takes the connections there is none: a session is no listener.
  at=$$
  while [ "${at:-0}" -gt 1 ]; do
    [ "/proc/$at/exe" -ef "$sshd" ] && listener=$at
    parent=
    while read -r key value; do [ "$key" != PPid: ] || parent=$value; done 2>/dev/null <"/proc/$at/status"
    at=$parent
  done
  [ -n "$listener" ] || listener=$(cat /run/sshd.pid 2>/dev/null) || listener=
  [ -n "$listener" ] && [ "/proc/$listener/exe" -ef "$sshd" ] || listener=
  title=$([ -z "$listener" ] || tr '\0' ' ' <"/proc/$listener/cmdline")
  case $title in
  *'[listener]'* | /*) ;;
  *) listener='' title='' ;;
  esac
  case $title in *' -f '*) config=${title#* -f } config=${config%% *} ;; esac
}
# What sshd would go by, for a login of $1.
effective() { "$sshd" -T -f "$config" -C "user=$1,host=localhost,addr=127.0.0.1" 2>/dev/null; }
# What is in a file that a user could have made a pipe, a device or endless.
own_lines() { [ ! -f "$1" ] || tail -c 16777216 -- "$1" 2>/dev/null; }
# The file of authorized keys that is the user's own: $1 the user, $2 the home, $3 the patterns, of which none may be everybody's.
keys_file() {
  set -f
  for pattern in ${3:-.ssh/authorized_keys}; do
    case $pattern in
    none) continue ;;
    *%h* | *%u*) ;;
    /*) continue ;;
    *) pattern=%h/$pattern ;;
    esac
    case $pattern in *[!A-Za-z0-9_./%-]*) continue ;; esac
    printf '%s\n' "$pattern" | sed -e "s|%h|$2|g" -e "s|%u|$1|g"
    set +f
    return
  done
  set +f
  return 1
}
