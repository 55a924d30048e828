# Attack: connect to a Unix socket outside by its path.
# Expect: "EPERM"
# Control: "done"
# Denied: ENOENT the folder is not in its tree


def main():
    return outcome(reach)


def reach():
    socket.socket(socket.AF_UNIX).connect(TARGET["unix"])
