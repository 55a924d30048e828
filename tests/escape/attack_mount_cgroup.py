# Attack: mount the cgroups, to name a program that the host runs when one of them empties.
# Modelled on: CVE-2022-0492
# Expect: ["EPERM", "EPERM"]
# Control: ["done", "done"]
# Control-as: the host's root in mount
# Denied: ENOSPC the count of user namespaces below its own is 0


def main(path=b"/tmp"):
    return [
        call("mount", b"x", path, b"cgroup2", 0, None),
        call("unshare", 0x10000000 | 0x02000000),  # CLONE_NEWUSER | CLONE_NEWCGROUP
    ]


def control():
    return main(b".")
