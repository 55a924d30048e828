# Attack: map itself to root of its user namespace.
# Modelled on: CVE-2018-18955
# Expect: true
# Control: true


def main():
    told = outcome(write, "/proc/self/uid_map", "0 0 1\n")
    return told in ("EPERM", "EACCES", "ENOENT", "EROFS")


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def control():
    # In a user namespace of its own that has no map yet, it may.
    pid = os.fork()
    if pid == 0:
        syscall("unshare", 0x10000000)
        try:
            write("/proc/self/setgroups", "deny")
            write("/proc/self/uid_map", f"0 {TARGET['uid']} 1\n")
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0
