# Attack: make namespaces by clone3(), whose flags a filter cannot read.
# Expect: "ENOSYS"
# Control: "done"
# Denied: ENOSPC the count of user namespaces below its own is 0


def main():
    arguments = (ctypes.c_uint64 * 11)(0x10000000, 0, 0, 0, 17)  # CLONE_NEWUSER, SIGCHLD
    return outcome(child, arguments)


def child(arguments):
    pid = syscall("clone3", arguments, 88)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
