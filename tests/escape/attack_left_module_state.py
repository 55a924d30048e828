# Attack: find what an earlier job put into a module.
# Expect: false
# Control: true
# First: leave
# Fails anyway: each job is a process of its own, forked before any job


import json


def leave():
    json.left = True


def main():
    return hasattr(json, "left")


def control():
    leave()  # In one process it is seen: that is what a shared interpreter would do.
    return main()
