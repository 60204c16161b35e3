# Does KVM carry a guest here? Exit 124: it hangs or stops in a few instructions. Anything else: nothing against it.
qemu=$(command -v qemu-system-x86_64 || ls /usr/libexec/qemu-kvm 2>/dev/null) || exit 0
[ "$(uname -m)" = x86_64 ] || exit 0
sector=$(mktemp) || exit 0
trap 'rm -f -- "$sector"' EXIT
# A boot sector that goes into protected mode and through an 'iret', where a KVM without full virtualization gives up,
# then writes 42 to the debug-exit device. Its source:
#   cli; xor ax,ax; mov ds,ax; lgdt [gdtr]; mov eax,cr0; or al,1; mov cr0,eax; jmp 8:pm
#   pm: mov ax,16; mov ds,ax; mov ss,ax; mov esp,0x7000; pushf; push 8; push done; iret
#   done: mov dx,0xf4; mov al,42; out dx,al; hlt      gdt: flat code and data
code='\372\061\300\216\330\146\017\001\026\130\174\017\040\300\014\001\017\042\300\146\352\033\174\000\000\010\000\146\270\020\000\216\330\216\320\274\000\160\000\000\234\152\010\150\061\174\000\000\317\146\272\364\000\260\052\356\364\215\264\046\000\000\000\000\000\000\000\000\000\000\000\000\377\377\000\000\000\232\317\000\377\377\000\000\000\222\317\000\027\000\100\174\000\000'
{ printf "$code"; head -c 416 /dev/zero; printf '\125\252'; } >"$sector"
timeout 5 "$qemu" -accel kvm -m 16 -nodefaults -display none -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=1 \
  -drive "file=$sector,format=raw,if=ide" </dev/null >/dev/null 2>&1
