# Attack: signal to another job by fcntl() locks on a file that both can read.
# Expect: "EPERM"
# Expect: "free"
# Control: "locked"
# Meanwhile: hold
# Holds: "done"
# One layer: one bit between two jobs that both want to talk; no namespace has ever covered locks


import fcntl
import json
import struct


def hold():
    global file
    file = os.open(json.__file__, os.O_RDONLY)
    lock = struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 0, 0, 0)
    return stay(outcome(fcntl.fcntl, file, fcntl.F_SETLK, lock))


def main():
    ask = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
    try:
        told = fcntl.fcntl(os.open(json.__file__, os.O_RDONLY), fcntl.F_GETLK, ask)
    except OSError as error:
        return errno.errorcode[error.errno]
    return {fcntl.F_RDLCK: "locked", fcntl.F_UNLCK: "free"}[struct.unpack("hhqqi4x", told)[0]]
