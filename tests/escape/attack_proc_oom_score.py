# Attack: make itself the last that the kernel ends when memory is short.
# Expect: "EACCES"
# Expect: "EPERM"
# Expect: "ENOENT"
# Expect: "EROFS"
# Expect in gVisor: "done"
# Control: "done"


def main():
    return outcome(write, "/proc/self/oom_score_adj", "-1000")


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def control():
    # What it has already: to lower it is a right that not even every root has.
    with open("/proc/self/oom_score_adj") as file:
        return outcome(write, "/proc/self/oom_score_adj", file.read())
