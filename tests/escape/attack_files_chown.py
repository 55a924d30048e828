# Attack: give a file to root.
# Expect: "EPERM"
# Control: "done"
# Control-as: root
# Denied: EINVAL its user namespace maps no such id


def main():
    open("own", "w").close()
    return outcome(os.chown, "own", 0, 0)
