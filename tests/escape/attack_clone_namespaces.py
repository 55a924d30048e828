# Attack: make namespaces with a child by clone().
# Expect: ["EPERM", "EPERM", "EPERM"]
# Control: ["done", "done", "done"]
# Denied: ENOSPC the count of user namespaces below its own is 0


def main():
    return [outcome(child, flags) for flags in (0x10000000, 0x10000000 | 0x20000, 0x7E020000)]


def child(flags):
    pid = syscall("clone", flags | 17, 0, 0, 0, 0)  # SIGCHLD
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
