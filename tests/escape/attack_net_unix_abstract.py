# Attack: connect to an abstract Unix socket, which has no path to hide.
# Modelled on: CVE-2020-15257
# Expect: "EPERM"
# Control: "done"
# Denied: ECONNREFUSED in its own network nobody has that name


def main():
    return outcome(reach)


def reach():
    socket.socket(socket.AF_UNIX).connect(TARGET["abstract"])
