# Attack: connect to an abstract Unix socket, which has no path to hide.
# Expect: "EPERM"
# Control: "done"


def main():
    return outcome(reach)


def reach():
    socket.socket(socket.AF_UNIX).connect(TARGET["abstract"])
