# Attack: take away what hides other files.
# Expect: "EPERM"
# Control: "done"
# Control-as: root in mount


def main(path=b"/tmp"):
    return call("umount2", path, 2)  # MNT_DETACH


def control():
    syscall("mount", b"x", b".", b"tmpfs", 0, None)
    return main(os.getcwd().encode())
