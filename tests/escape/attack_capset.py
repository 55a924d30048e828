# Attack: take all capabilities.
# Expect: "EPERM"
# Control: "done"
# Control-as: root


def main():
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)(0xFFFFFFFF, 0xFFFFFFFF, 0, 0x1FF, 0x1FF, 0)
    return call("capset", header, data)


def control():
    # The same call with what root has already.
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()
    _libc.capget(header, data)
    return call("capset", header, data)
