# Attack: meet another job at an abstract socket.
# Expect: "EPERM"
# Control: "done"
# Meanwhile: hold


import time


def hold():
    global meeting
    try:
        meeting = socket.socket(socket.AF_UNIX)
        meeting.bind("\0meet" + TARGET["token"])
        meeting.listen()
    except OSError:
        pass
    tell_ready()
    time.sleep(1)


def main():
    return outcome(lambda: socket.socket(socket.AF_UNIX).connect("\0meet" + TARGET["token"]))
