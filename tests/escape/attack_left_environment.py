# Attack: find what an earlier job put into the environment.
# Expect: false
# Control: true
# First: leave
# Fails anyway: each job is a process of its own, forked before any job


def leave():
    os.environ["LEFT"] = "1"


def main():
    return "LEFT" in os.environ


def control():
    leave()  # In one process it is seen: that is what a shared interpreter would do.
    return main()
