# Attack: make a user namespace of its own, with all rights in it.
# Expect: "EPERM"
# Control: "done"


def main():
    return call("unshare", 0x10000000)
