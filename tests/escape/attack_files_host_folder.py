# Attack: read a file that everybody outside may read.
# Expect: "ENOENT"
# Expect: "EACCES"
# Control: "done"
# One layer: the mount namespace is the ground that three other layers stand on


def main():
    return outcome(open, TARGET["secret"])
