# Attack: connect to a Unix socket outside by its path.
# Expect: "EPERM"
# Control: "done"


def main():
    return outcome(reach)


def reach():
    socket.socket(socket.AF_UNIX).connect(TARGET["unix"])
