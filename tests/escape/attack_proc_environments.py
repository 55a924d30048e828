# Attack: read a secret from another process's environment.
# Expect: "ENOENT"
# Expect in tier process: "EACCES"
# Control: "done"
# Control-as: root


def main(pids=None):
    return furthest(outcome(read, pid) for pid in (numbers() if pids is None else pids))


def read(pid):
    with open(f"/proc/{pid}/environ", "rb") as file:
        if not file.read():
            raise OSError(errno.ENOENT, "a thread of the kernel's")


def control():
    return main([TARGET["victim"]])
