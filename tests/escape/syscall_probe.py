"""Makes system calls with arguments that lead nowhere, each in a child; tells what each answered.

Put before a list of CALLS by test_syscall_table.py, and run in the jail and outside alike.
"""

import ctypes
import errno
import mmap
import os
import signal

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
PATIENCE_SECONDS = 1.5  # A call that waits longer was let in: SIGALRM ends its child.

CALLS = []  # (number, arguments); replaced by the test. A number None: 32-bit, number in arguments.


def call_by_int80(number):
    """As a program of the 32-bit interface does: push rbx; mov eax, N; int 0x80; pop rbx; ret."""
    code = b"\x53\xb8" + number.to_bytes(4, "little") + b"\xcd\x80\x5b\xc3"
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    function = ctypes.CFUNCTYPE(ctypes.c_int)
    return min(0, function(ctypes.addressof(ctypes.c_char.from_buffer(page)))())


def make_call(number, arguments):
    """0, or the errno."""
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_SECONDS)
    if number is None:
        return -call_by_int80(arguments[0])
    plain = [ctypes.c_long(one) for one in arguments]
    if _libc.syscall(ctypes.c_long(number), *plain) != -1:
        return 0
    return ctypes.get_errno()


def try_call(number, arguments):
    """'done', the errno's name, or the name of the signal that ended the child."""
    child = os.fork()
    if child == 0:
        os._exit(make_call(number, arguments))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status < 0:
        return signal.Signals(-status).name
    return errno.errorcode.get(status, "done") if status else "done"


def main():
    return [try_call(number, arguments) for number, arguments in CALLS]
