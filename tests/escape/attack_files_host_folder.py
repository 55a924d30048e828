# Attack: read a file that everybody outside may read.
# Expect: "ENOENT"
# Expect: "EACCES"
# Control: "done"


def main():
    return outcome(open, TARGET["secret"])
