# Attack: take hold of a shared file by a hard link of its own.
# Expect: "EXDEV"
# Expect: "EPERM"
# Expect: "EROFS"
# Control: "done"


import json


def main():
    return outcome(os.link, json.__file__, "linked")


def control():
    open("own", "w").close()
    return outcome(os.link, "own", "linked")
