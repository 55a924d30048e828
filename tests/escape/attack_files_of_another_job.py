# Attack: change the files of a job that runs at the same time, and that guards them badly.
# Expect: []
# Control: ["chmod", "setxattr", "truncate", "utime"]
# Control: ["chmod", "truncate", "utime"]
# Meanwhile: hold
# Holds: "done"
# One layer: this is what the layer is for: without a /tmp of its own a job shares one


def hold():
    return stay(outcome(leave))


def leave():
    os.umask(0)
    open(TARGET["token"], "w").close()
    os.chmod(TARGET["token"], 0o777)
    os.chmod(".", 0o777)


def main():
    # In the same folder, in that of a slot beside its own, by way of the other process.
    folders = [".", "/tmp", *(f"../{slot}" for slot in range(64))]
    folders += [f"/proc/{pid}/cwd" for pid in numbers()]
    found = set()
    for folder in folders:
        found |= changes(os.path.join(folder, TARGET["token"]))
    return sorted(found)
