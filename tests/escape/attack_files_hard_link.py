# Attack: take hold of a shared file by a hard link of its own, in its folder or beside it.
# Expect: ["EXDEV", "EROFS"]
# Expect: ["EXDEV", "EACCES"]
# Expect in tier process: ["EPERM", "EPERM"]
# Control: ["done", "done"]
# Denied: EXDEV its own folder is another mount, or Landlock lets nothing change folders


import json


def main(path=json.__file__):
    beside = os.path.join(os.path.dirname(path), "linked-beside")
    return [outcome(link, path, "linked"), outcome(link, path, beside)]


def link(path, name):
    os.link(path, name)
    os.unlink(name)


def control():
    open("own", "w").close()
    return main("own")
