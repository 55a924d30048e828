# Attack: make a program of its own that runs as somebody else.
# Expect: false
# Expect in tier process: error_type=exception
# Control: true


import shutil
import subprocess


def main():
    shutil.copy(os.path.realpath(sys.executable), "./program")
    outcome(os.chown, "./program", 1, 1)  # Who is root already gains nothing by root's program.
    os.chmod("./program", 0o6755)
    code = "import os; print(os.getuid(), os.geteuid())"
    try:
        told = subprocess.check_output(["./program", "-c", code], env=environment())
    except OSError:
        return False  # Not even run.
    return [int(number) for number in told.split()] != [os.getuid(), os.getuid()]


def environment():
    return {"PYTHONHOME": sys.base_prefix}


def control():
    # Outside, where the owner is who runs it, the bit is kept: the file is what it claims to be.
    shutil.copy("/bin/sh", "program")
    os.chmod("program", 0o6755)
    return os.stat("program").st_mode & 0o6000 == 0o6000
