# Attack: learn by a lease or a notification that another job opens a file.
# Expect: ["EPERM", "EPERM", "EPERM"]
# Control: ["done", "done", "done"]
# One layer: what it learns is when a shared file is opened, and by whom it cannot see


import fcntl
import json


def main(path=json.__file__):
    file = os.open(path, os.O_RDONLY)
    folder = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY)
    return [
        outcome(fcntl.fcntl, file, fcntl.F_SETLEASE, fcntl.F_RDLCK),
        outcome(fcntl.fcntl, folder, fcntl.F_NOTIFY, 0x80000001),
        call("inotify_init1", 0),
    ]


def control():
    open("own", "w").close()
    return main("own")
