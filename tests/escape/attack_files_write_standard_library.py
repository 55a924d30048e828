# Attack: change a module that all jobs import.
# Expect: "EROFS"
# Expect: "EACCES"
# Control: "done"


import json
import shutil


def main():
    return outcome(open, json.__file__, "a")


def control():
    return outcome(open, shutil.copy(json.__file__, "copy.py"), "a")
