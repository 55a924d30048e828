# Attack: leave by a folder that somebody forgot to close.
# Modelled on: CVE-2024-21626
# Expect: []
# Control: true
# One layer: each guest's list of open descriptors is looked at before it is used


def main():
    found = []
    for fd in range(4096):
        try:
            os.stat("..", dir_fd=fd)
            found.append(fd)
        except OSError:
            pass
    return found


def control():
    return os.open(".", os.O_RDONLY) in main()
