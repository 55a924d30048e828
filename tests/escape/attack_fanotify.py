# Attack: watch all files of a mount.
# Expect: "EPERM"
# Control: "done"
# Control-as: root


def main():
    return call("fanotify_init", 0, 0)
