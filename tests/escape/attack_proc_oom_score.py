# Attack: make itself the last that the kernel ends when memory is short, or no sooner than others.
# Expect: "EACCES"
# Expect: "EPERM"
# Expect: "ENOENT"
# Expect: "EROFS"
# Expect in gVisor: "done"
# Control: "done"
# One layer: it ends no sooner than others if memory is short; limits and cgroup end it before that


def main(scores=("-1000", "0")):
    # Below 0 is a right that not even every root has. Back to 0 may everybody whom nobody forbids.
    return furthest(outcome(write, "/proc/self/oom_score_adj", score) for score in scores)


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def control():
    # What it has already.
    with open("/proc/self/oom_score_adj") as file:
        return main([file.read()])
