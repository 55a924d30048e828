# Attack: map itself to root of a user namespace, its own or a new one.
# Modelled on: CVE-2018-18955
# Expect: true
# Control: false


DENIALS = {"EPERM", "EACCES", "ENOENT", "EROFS", "ENOSPC"}


def main(uid=os.getuid()):
    told = {outcome(write, "/proc/self/uid_map", f"0 {uid} 1"), outcome(map_in_a_new_one, uid)}
    return told <= DENIALS


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def map_in_a_new_one(uid):
    pid = os.fork()
    if pid == 0:
        try:
            syscall("unshare", 0x10000000)  # CLONE_NEWUSER
            write("/proc/self/uid_map", f"0 {uid} 1")
        except OSError as error:
            os._exit(error.errno)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status:
        raise OSError(status, "uid_map")
