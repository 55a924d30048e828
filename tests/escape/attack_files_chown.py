# Attack: give a file to root.
# Expect: "EPERM"
# Control: "done"
# Control-as: root


def main():
    open("own", "w").close()
    return outcome(os.chown, "own", 0, 0)
