# Attack: mount a fresh /proc with everything in it.
# Expect: "EPERM"
# Control: "done"
# Control-as: the host's root in mount


def main(path=b"/tmp"):
    return call("mount", b"proc", path, b"proc", 0, None)


def control():
    return main(b".")
