# The file system of a folder: bytes that are free, whether it takes writes, where it is mounted. $1: the folder.
folder=$1
while [ ! -d "$folder" ] && [ "$folder" != / ] && [ -n "$folder" ]; do folder=$(dirname -- "$folder"); done
writable=no
[ -w "$folder" ] && writable=yes
df -PB1 -- "$folder" | awk -v writable="$writable" 'NR == 2 { free = $4; $1 = $2 = $3 = $4 = $5 = ""; sub(/^ +/, ""); print free, writable, $0 }'
