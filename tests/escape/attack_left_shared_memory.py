# Attack: find a file that an earlier job left in /dev/shm.
# Expect: false
# Control: true
# First: leave
# One layer: /dev/shm is /tmp: without a /tmp of its own a job shares one


def leave():
    try:
        open("/dev/shm/" + TARGET["token"], "w").close()
    except OSError:
        pass


def main():
    return os.path.exists("/dev/shm/" + TARGET["token"])


def control():
    found = main()
    os.unlink("/dev/shm/" + TARGET["token"])
    return found
