# Attack: write or claim one enormous file.
# Expect: ["EFBIG", "EFBIG"]
# Expect: ["ENOSPC", "EFBIG"]
# Control: ["done", "done"]
# One layer: a sparse file takes no room, and the tmpfs bounds what does


def main(size=200 * 2**20, claim=2**50):
    fd = os.open("big", os.O_RDWR | os.O_CREAT)
    return [outcome(write, fd, size), outcome(os.ftruncate, fd, claim)]


def write(fd, size):
    while size > 0:
        size -= os.write(fd, b"x" * min(size, 2**20))


def control():
    return main(size=2**20, claim=2**21)
