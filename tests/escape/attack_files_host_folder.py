# Attack: read a file that everybody outside may read.
# Expect: "ENOENT"
# Expect in tier process: "EACCES"
# Control: "done"
# One layer: what every user of the machine may read; what only its owner may the ids keep


def main():
    return furthest(outcome(open, path) for path in files_of_the_machine())


def control():
    return outcome(open, TARGET["secret"])
