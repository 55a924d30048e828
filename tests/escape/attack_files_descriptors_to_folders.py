# Attack: leave by a folder that somebody forgot to close.
# Expect: []
# Control: true


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
