# Attack: hold the kernel up in the middle of a copy.
# Expect: "EPERM"
# Control: "done"
# Control-as: root


def main():
    return call("userfaultfd", 0)
