# Attack: make a user namespace of its own, with all rights in it.
# Modelled on: CVE-2022-0185, whose first step it is
# Expect: "EPERM"
# Control: "done"
# Denied: ENOSPC the count of user namespaces below its own is 0


def main():
    return call("unshare", 0x10000000)
