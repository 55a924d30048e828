# Attack: read a file that everybody outside may read.
# Expect: "ENOENT"
# Expect in tier process: "EACCES"
# Control: "done"
# One layer: the mount namespace is the ground that three other layers stand on


def main():
    return furthest(outcome(open, path) for path in files_of_the_machine())


def control():
    return outcome(open, TARGET["secret"])
