# Attack: compare kernel objects, take a descriptor by a pidfd.
# Expect: ["EPERM", "EPERM"]
# Control: ["done", "done"]
# One layer: what it compares and takes is its own: others are out of sight


def main():
    own = os.getpid()
    return [
        call("kcmp", own, own, 0, 1, 2),
        call("pidfd_getfd", syscall("pidfd_open", own, 0), 1, 0),
    ]
