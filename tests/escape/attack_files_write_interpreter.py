# Attack: overwrite the interpreter through its path and /proc/self/exe.
# Modelled on: CVE-2019-5736
# Expect: true
# Control: "done"


import shutil

DENIALS = {"EROFS", "EACCES", "ETXTBSY", "ENOENT", "EPERM"}


def main():
    return {
        outcome(open, os.path.realpath(sys.executable), "r+b"),
        outcome(open, "/proc/self/exe", "r+b"),
        # To what they are already: where a wall is left out, the interpreter stays whole.
        outcome(os.truncate, os.path.realpath(sys.executable), size()),
        outcome(change_mode, os.path.realpath(sys.executable)),
    } <= DENIALS


def change_mode(path):
    before = os.stat(path)
    os.chmod(path, before.st_mode & 0o7777)
    if os.stat(path).st_ctime_ns == before.st_ctime_ns:
        raise PermissionError(errno.EPERM, "it says so, and does nothing")


def size():
    return os.stat(os.path.realpath(sys.executable)).st_size


def control():
    return outcome(open, shutil.copy(os.path.realpath(sys.executable), "copy"), "r+b")
