# Attack: enter a namespace through a pidfd.
# Expect: "EPERM"
# Control: "done"
# Control-as: root


def main():
    own = syscall("pidfd_open", os.getpid(), 0)
    return call("setns", own, 0x04000000)  # CLONE_NEWUTS
