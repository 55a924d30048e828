# Attack: loosen itself by prctl(): dumpable, keep capabilities, securebits, seccomp.
# Expect: ["EPERM", "EPERM", "EPERM", "EPERM"]
# Control: ["done", "done", "done", "EFAULT"]
# Control-as: root
# One layer: it can loosen nothing that no_new_privs and empty sets of capabilities have tied


def main():
    return [
        call("prctl", 4, 1, 0, 0, 0),  # PR_SET_DUMPABLE
        call("prctl", 8, 0, 0, 0, 0),  # PR_SET_KEEPCAPS
        call("prctl", 28, 0, 0, 0, 0),  # PR_SET_SECUREBITS
        call("prctl", 22, 2, 0, 0, 0),  # PR_SET_SECCOMP, a filter from nowhere
    ]
