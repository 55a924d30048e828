# Attack: run a program that was never in a file; the jail must hold it as well.
# Expect: "EPERM"
# Expect: "EACCES"
# Control: "done"
# One layer: a program from memory runs in the same jail as one from a file


CODE = """
import os, socket
try: socket.socket()
except OSError as error: os._exit(error.errno)
os._exit(0)
"""


def main():
    return outcome(run)


def run():
    with open(os.path.realpath(sys.executable), "rb") as file:
        program = file.read()
    fd = os.memfd_create("program", 0)
    os.write(fd, program)
    pid = os.fork()
    if pid == 0:
        os.environ["PYTHONHOME"] = sys.base_prefix
        try:
            os.execve(fd, [sys.executable, "-c", CODE], os.environ)
        except OSError as error:
            os._exit(error.errno)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status:
        raise OSError(status, "memfd")
