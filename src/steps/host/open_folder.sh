# Says the first folder on the way to $1 in which anybody can exchange what root is to write to; nothing when there is none.
open_folder() {
  way=$1
  below=
  # What is not there yet will be root's.
  while [ ! -d "$way" ] && [ "$way" != / ] && [ -n "$way" ]; do way=$(dirname -- "$way") below=0; done
  way=$(readlink -f -- "$way")
  while [ -n "$way" ]; do
    if [ -n "$(find "$way" -maxdepth 0 -perm -0002)" ]; then
      # With the sticky bit the names of others are safe: what is root's there is.
      if [ "$below" != 0 ] || [ -z "$(find "$way" -maxdepth 0 -perm -1000)" ]; then
        echo "$way"
        return
      fi
    fi
    [ "$way" != / ] || return 0
    below=$(stat -c %u -- "$way")
    way=$(dirname -- "$way")
  done
}
