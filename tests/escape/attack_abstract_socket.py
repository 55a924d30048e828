# Attack: meet another job at an abstract socket.
# Expect: "EPERM"
# Control: "done"
# Meanwhile: hold
# Holds: "EPERM"
# Denied: ECONNREFUSED in its own network nobody has that name


def hold():
    return stay(outcome(listen))


def listen():
    global meeting
    meeting = socket.socket(socket.AF_UNIX)
    meeting.bind("\0meet" + TARGET["token"])
    meeting.listen()


def main():
    return outcome(lambda: socket.socket(socket.AF_UNIX).connect("\0meet" + TARGET["token"]))
