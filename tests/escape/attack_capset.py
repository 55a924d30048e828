# Attack: take the capability that stands for most of the others.
# Expect: "EPERM"
# Control: "done"
# Control-as: root


def main():
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)(1 << 21, 1 << 21, 0, 0, 0, 0)  # CAP_SYS_ADMIN
    return call("capset", header, data)


def control():
    # The same call with what root has already.
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()
    _libc.capget(header, data)
    return call("capset", header, data)
