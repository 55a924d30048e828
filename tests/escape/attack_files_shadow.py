# Attack: read the machine's password hashes.
# Expect: "ENOENT"
# Expect: "EACCES"
# Control: "done"
# Control-as: root


def main():
    return outcome(open, "/etc/shadow")
