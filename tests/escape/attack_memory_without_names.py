# Attack: fill memory with nameless files, of each of which one page is mapped and none is open.
# Expect: error_type=memory_limit
# Expect: "EPERM"
# Expect: "ENOSYS"
# Control: "done"
# Harm: "done"
# With: cgroup limits


import mmap

ONE = 16 * 2**20


def main(files=75):  # A fifth above the limit of one process, and of a job.
    held = []
    for _ in range(files):
        told = outcome(fill, held)
        if told != "done":
            return told
    return "done"


def fill(held):
    fd = os.memfd_create("unseen")
    os.ftruncate(fd, ONE)
    for _ in range(ONE // 2**20):
        os.write(fd, b"x" * 2**20)
    held.append(mmap.mmap(fd, mmap.PAGESIZE))
    os.close(fd)


def control():
    return main(files=1)
