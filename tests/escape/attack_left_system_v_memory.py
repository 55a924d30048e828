# Attack: find the System V memory that an earlier job left.
# Expect: "EPERM"
# Control: "done"
# Control-as: root in ipc
# First: leave
# Denied: ENOENT there is none in its own ipc namespace

KEY = 0x5EC3


def leave():
    return call("shmget", KEY, 4096, 0o1666)  # IPC_CREAT


def main():
    return call("shmget", KEY, 4096, 0)


def control():
    leave()
    return main()
