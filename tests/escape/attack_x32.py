# Attack: call by the x32 numbers, which a filter for x86-64 may not know.
# Expect: error_type=signal
# Expect: "ENOSYS"
# Control: "ENOSYS"
# Control: "done"
# Only: x86_64


def main():
    _libc.syscall.restype = ctypes.c_long
    if _libc.syscall(ctypes.c_long(0x40000000 + 39)) == -1:
        return errno.errorcode[ctypes.get_errno()]
    return "done"
