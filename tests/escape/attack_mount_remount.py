# Attack: make the read-only root writable.
# Expect: "EPERM"
# Control: "done"
# Control-as: root in mount


def main(path=b"/"):
    return call("mount", None, path, None, 32 | 4096, None)  # MS_REMOUNT | MS_BIND


def control():
    syscall("mount", b".", b".", None, 4096, None)
    return main(os.getcwd().encode())
