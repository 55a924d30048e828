# Attack: call by int 0x80, the 32-bit interface, from machine code.
# Expect: error_type=signal
# Control: "done"
# Only: x86_64
# One layer: the same system calls by other numbers; the namespaces do not ask how they were called


import mmap

# push rbx; mov eax, 20 (getpid); int 0x80; pop rbx; ret
CODE = b"\x53\xb8\x14\0\0\0\xcd\x80\x5b\xc3"


def main():
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(CODE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    pid = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
    return "done" if pid == os.getpid() else pid
