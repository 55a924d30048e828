# Attack: leave a .pth file that every interpreter runs.
# Expect: ["EROFS", "EROFS", "EROFS"]
# Expect: ["EACCES", "EACCES", "EACCES"]
# Expect in gVisor: ["EACCES", "EACCES", "EROFS"]
# Control: ["done", "done", "done"]


import numpy


def main(folder=os.path.dirname(os.path.dirname(numpy.__file__))):
    return [
        outcome(open, os.path.join(folder, "left.pth"), "w"),
        outcome(open, os.path.join(folder, "sitecustomize.py"), "w"),
        outcome(make_folder, os.path.join(folder, "__pycache__x")),
    ]


def make_folder(path):
    os.mkdir(path)
    os.rmdir(path)


def control():
    return main(".")
