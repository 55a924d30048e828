# Attack: make a net namespace of its own.
# Expect: "EPERM"
# Control: "done"
# Control-as: root


def main():
    return call("unshare", 0x40000000)
