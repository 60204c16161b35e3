# Unpacks an image while it grows, and says its size, checksums and head.
# What unpacks what begins so; nothing when it is not packed.
unpacker() {
  case $(od -An -v -tx1 -N 6 -- "$1" 2>/dev/null | tr -d ' \n') in
  1f8b*) echo gzip ;;
  fd377a585a00) echo xz ;;
  28b52ffd*) echo zstd ;;
  esac
}
# Bytes that are left for others: unpacking may need more than anybody can know.
room_left() { df -Pk . | awk 'NR == 2 { keep = $2 / 20; if (keep > 1048576) keep = 1048576; print ($4 > keep) ? "yes" : "no" }'; }
# No image has so many pieces of 64 KiB, which is 1 TiB: zeros take no room, and can be without end.
most=16777216
# $1: what unpacks, $2: the packed file, $3: the process that writes it, whose end is the file's; $4: what it becomes, $5: a
# folder for what is to be known of it then. Zeros take no room.
unpack() {
  rm -f -- "$4" "$5/unpacked" "$5/written" "$5/sum" "$5/endless"
  stat -c %i -- "$2" >"$5/inode"
  {
    tail -c +1 -f -s 0.2 --pid="$3" -- "$2" 2>/dev/null | {
      set +e
      "$1" -dc 2>"$5/why"
      echo $? >"$5/unpacked"
    } | tee /dev/fd/8 | {
      set +e
      dd bs=64k count="$most" iflag=fullblock conv=sparse of="$4" status=none <&7 2>"$5/full" &
      echo $! >"$5/writer"
      wait $!
      echo $? >"$5/written"
      [ "$(stat -c %s -- "$4")" -lt $((most * 65536)) ] || : >"$5/endless"
    } 7<&0
  } 8>&1 | sha256sum | cut -d' ' -f1 >"$5/sum"
}
# Whether it came out whole; else says why. $1: the folder.
unpacked_whole() {
  if [ -e "$1/crowded" ] || [ "$(cat "$1/written")" != 0 ]; then
    echo "No space left on device: what is unpacked needs more room than there is in $(pwd)" >&2
    return 1
  fi
  if [ -e "$1/endless" ]; then
    echo "what is packed in it has more than $((most / 16)) MiB: no image is so large" >&2
    return 1
  fi
  [ "$(cat "$1/unpacked")" != 0 ] || return 0
  echo "unpacking failed: $(head -n 1 "$1/why")" >&2
  return 1
}
