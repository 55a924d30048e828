# Attack: find a file that an earlier job left in /tmp.
# Expect: false
# Control: true
# First: leave
# One layer: this is what the layer is for: without a /tmp of its own a job shares one


def leave():
    open("/tmp/" + TARGET["token"], "w").close()


def main():
    return os.path.exists("/tmp/" + TARGET["token"])


def control():
    found = main()
    os.unlink("/tmp/" + TARGET["token"])
    return found
