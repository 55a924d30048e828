# Attack: mount something over a folder.
# Expect: "EPERM"
# Control: "done"
# Control-as: root in mount


def main():
    return call("mount", b"x", b"/tmp", b"tmpfs", 0, None)
