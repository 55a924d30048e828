# Attack: change the limits of a process outside.
# Expect: "ESRCH"
# Expect: "EPERM"
# Control: "done"
# Control-as: root


def main():
    old = (ctypes.c_uint64 * 2)()
    return call("prlimit64", TARGET["victim"], 7, None, old)
