# Attack: become root, or another job's user.
# Expect: ["EPERM", "EPERM", "EPERM", "EPERM", "EPERM"]
# Control: ["done", "done", "done", "done", "done"]
# Control-as: root
# Denied: EINVAL its user namespace maps no such id


def main():
    return [
        outcome(os.setgroups, [0]),
        outcome(os.setgid, 0),
        outcome(os.setresgid, 0, 0, 0),
        outcome(os.setuid, 0),
        outcome(os.setresuid, 0, 0, 0),
    ]
