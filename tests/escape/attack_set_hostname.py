# Attack: rename the machine.
# Expect: "EPERM"
# Control: "done"
# Control-as: root in uts


def main():
    return call("sethostname", b"left", 4)
