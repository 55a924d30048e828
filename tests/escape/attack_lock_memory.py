# Attack: lock memory so that it cannot be swapped.
# Expect: "ENOMEM"
# Expect: "EPERM"
# Control: "done"
# Control-as: root


import mmap


def main():
    size = 64 * 2**20
    page = mmap.mmap(-1, size)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    if _libc.mlock(ctypes.c_void_p(address), ctypes.c_size_t(size)) == -1:
        return errno.errorcode[ctypes.get_errno()]
    return "done"
