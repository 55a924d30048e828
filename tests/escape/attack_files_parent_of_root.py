# Attack: climb above the root by '..' and by a descriptor of it.
# Expect: [true, true, true]
# Expect in tier process: error_type=exception
# Control: [true, true, true]
# Fails anyway: above its root there is nothing for the kernel either, whatever stands


def main():
    root = os.stat("/")
    fd = os.open("/", os.O_RDONLY)
    above = [os.stat("/.."), os.stat("/../../.."), os.stat("..", dir_fd=fd)]
    return [(a.st_dev, a.st_ino) == (root.st_dev, root.st_ino) for a in above]
