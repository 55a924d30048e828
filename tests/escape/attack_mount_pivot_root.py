# Attack: change the root of its mount namespace.
# Expect: "EPERM"
# Control: "done"
# Control-as: root in mount


def main():
    return call("pivot_root", b".", b".")


def control():
    here = os.getcwd().encode()
    syscall("mount", b"x", here, b"tmpfs", 0, None)
    os.chdir(here)
    return main()
