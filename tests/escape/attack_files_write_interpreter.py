# Attack: overwrite the interpreter through its path and /proc/self/exe.
# Expect: true
# Control: "done"


import shutil

DENIALS = {"EROFS", "EACCES", "ETXTBSY", "ENOENT", "EPERM"}


def main():
    return {
        outcome(open, os.path.realpath(sys.executable), "r+b"),
        outcome(open, "/proc/self/exe", "r+b"),
        outcome(os.truncate, os.path.realpath(sys.executable), 0),
        outcome(os.unlink, os.path.realpath(sys.executable)),
    } <= DENIALS


def control():
    return outcome(open, shutil.copy(os.path.realpath(sys.executable), "copy"), "r+b")
