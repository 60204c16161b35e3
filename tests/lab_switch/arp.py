"""Ask who has an IPv4 address: arp.py DEVICE VLAN TARGET. Exit status 0 when somebody answers within a second; VLAN 0 asks untagged.

By hand, as a kernel without 8021q makes no device of a VLAN. The kernel takes the tag off what it hands out."""
import socket
import struct
import sys
import time

device, vlan, target = sys.argv[1], int(sys.argv[2]), socket.inet_aton(sys.argv[3])
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
link.bind((device, 0))
link.settimeout(0.1)
own = link.getsockname()[4]
tag = struct.pack("!HH", 0x8100, vlan) if vlan else b""
# A probe: the asker needs no address.
request = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + own + bytes(4) + bytes(6) + target
end = time.monotonic() + 1
while time.monotonic() < end:
    link.send(b"\xff" * 6 + own + tag + b"\x08\x06" + request)
    try:
        frame, (_, _, kind, _, _) = link.recvfrom(2048)
    except TimeoutError:
        continue
    if kind != socket.PACKET_OUTGOING and frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\2" and frame[28:32] == target:
        sys.exit(0)
sys.exit(1)
