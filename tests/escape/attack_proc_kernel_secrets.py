# Attack: read what the kernel tells about the machine and other users.
# Expect: []
# Control: true
# Control-as: root
# One layer: what is left is what every user of the machine may read


# Not kmsg: reading it takes it away from whoever else reads it.
FILES = [
    "kcore",
    "keys",
    "key-users",
    "kallsyms",
    "modules",
    "timer_list",
    "iomem",
    "sched_debug",
    "slabinfo",
    "vmallocinfo",
    "interrupts",
    "diskstats",
    "partitions",
]


def main():
    return [name for name in FILES if outcome(read, f"/proc/{name}") == "done"]


def read(path):
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    # A container puts its /dev/null over some of them: what ends at once has told nothing.
    if not os.read(fd, 1):
        raise OSError(errno.ENODATA, "it is empty")


def control():
    return "interrupts" in main()
