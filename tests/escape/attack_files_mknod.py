# Attack: make a device of its own.
# Expect: [["EPERM", "EPERM"], false]
# Control: [["done", "done"], true]
# Control-as: root


import stat


def main(folder="/tmp"):
    made = [
        outcome(os.mknod, f"{folder}/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3)),
        outcome(os.mknod, f"{folder}/loop", 0o666 | stat.S_IFBLK, os.makedev(7, 250)),
    ]
    return [made, os.path.exists(f"{folder}/null")]


def control():
    return main(".")
