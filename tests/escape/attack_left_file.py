# Attack: find a file that an earlier job left in /tmp, or in its own folder if that is another.
# Expect: false
# Control: true
# First: leave
# One layer: this is what the layer is for: without a /tmp of its own a job shares one


def leave():
    open(TARGET["token"], "w").close()
    outcome(lambda: open("/tmp/" + TARGET["token"], "w").close())


def main():
    return any(os.path.exists(folder + TARGET["token"]) for folder in ("", "/tmp/"))


def control():
    found = main()
    for folder in ("", "/tmp/"):
        outcome(os.unlink, folder + TARGET["token"])
    return found
