# Says the first folder on the way to $1 in which anybody can exchange what root is to write to, or a link on that way;
# nothing when there is none.
open_folder() {
  at='' rest=$1 left=40
  mode=$(stat -c %a /)
  while :; do
    rest=${rest#"${rest%%[!/]*}"}
    part=${rest%%/*}
    rest=${rest#"$part"}
    case $part in
    .) continue ;;
    ..)
      at=${at%/*}
      mode=$(stat -c %a -- "$at/")
      continue
      ;;
    esac
    next=$at/$part
    # What is not there yet will be root's; of the folder itself the answer is about what will be in it.
    found=$(stat -c '%u %a' -- "$next" 2>/dev/null) || found='0 755'
    [ -n "$part" ] || found='anybody 755'
    case ${found% *},$mode in
    # With the sticky bit the names of others are safe: what is root's there is.
    0,[1357]???) ;;
    *[2367])
      echo "${at:-/}"
      return
      ;;
    esac
    [ -n "$part" ] || return 0
    if [ -L "$next" ]; then
      left=$((left - 1))
      [ "$left" -gt 0 ] || return 0
      target=$(readlink -- "$next")
      rest=$target$rest
      case $target in /*) at='' mode=$(stat -c %a /) ;; esac
      continue
    fi
    [ -d "$next" ] || return 0
    at=$next mode=${found#* }
  done
}
