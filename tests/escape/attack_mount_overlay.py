# Attack: lay a file system over another, so that files change their owner on the way.
# Modelled on: CVE-2023-0386, CVE-2021-3493
# Expect: "EPERM"
# Control: "done"
# Control-as: the host's root in mount


def main(path=b"/tmp"):
    return call("mount", b"overlay", path, b"overlay", 0, b"lowerdir=/usr:/dev")


def control():
    return main(b".")
