# Attack: set the machine's clock; the control moves it by nothing.
# Expect: "EPERM"
# Control: "done"
# Control-as: root


def main():
    adjustment = (ctypes.c_uint64 * 32)()
    adjustment[0] = 0x0100  # ADJ_SETOFFSET, by zero seconds
    return call("clock_adjtime", 0, adjustment)
