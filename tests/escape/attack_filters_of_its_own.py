# Attack: load seccomp and Landlock rules of its own, with a listener.
# Expect: ["EPERM", "EPERM"]
# Control: ["done", "done"]
# Control: ["done", "ENOTSUP"]
# Control: ["done", "ENOSYS"]
# One layer: a filter or rule of its own only takes rights away from itself


def main():
    action = ctypes.c_uint32(0x7FFF0000)
    return [
        call("seccomp", 2, 0, ctypes.byref(action)),  # SECCOMP_GET_ACTION_AVAIL
        call("landlock_create_ruleset", None, 0, 1),  # The version.
    ]
