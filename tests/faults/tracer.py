"""Makes the system calls of a set-up fail, one at a time: a tracer of the children of one process.

`tracer.py PID` attaches to PID by ptrace(2) and obeys lines on its standard input, one at a time:
    pass            children go untouched
    list            the next child's set-up is written down, and told as one JSON list
    fail N ERRNO    in every next child the system call number N (from 0) fails, and is not made
    fail N ERRNO CALL
                    the same where that is this call: children that are not meant go untouched
    list-confining, fail-confining N ERRNO
                    the same, for a child that execs first and confines itself then: of the calls
                    after its exec only those in CONFINING count, up to seccomp
It answers each with one line. A child's set-up is what it calls until it is ready: until it writes
to a descriptor a frame that begins with one of MARKS, or execs. What the child's own children do is
not looked at. x86-64 only: it changes registers.
"""

import ctypes
import errno
import json
import os
import select
import signal
import struct
import sys

SEIZE, CONT, SYSCALL, DETACH, GETREGS, SETREGS = 0x4206, 7, 24, 17, 12, 13
GETEVENTMSG, LISTEN = 0x4201, 0x4208
O_SYSGOOD, O_FORK, O_VFORK, O_CLONE = 1, 2, 4, 8
EVENT_STOP = 128
WALL = 0x40000000
WRITE, WRITEV, EXECVE, SECCOMP = 1, 20, 59, 317
# setgroups, setresuid, setresgid, capset, pivot_root, prctl, mount, umount2, unshare, prlimit64,
# seccomp, landlock_*: what takes rights away.
CONFINING = {116, 117, 119, 126, 155, 157, 165, 166, 272, 302, SECCOMP, 444, 445, 446}
MARKS = (b"YDER", b"LIAF")  # FrameKind::kReady and kSetupFailed, as they lie in memory.
REGISTERS = (
    "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss "
    "fs_base gs_base ds es fs gs"
).split()

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(request, pid, address=0, data=0):
    if libc.ptrace(request, pid, address, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request} of {pid}")


def get_registers(pid):
    buffer = (ctypes.c_ulonglong * len(REGISTERS))()
    ptrace(GETREGS, pid, 0, ctypes.addressof(buffer))
    return dict(zip(REGISTERS, buffer))


def set_registers(pid, registers):
    buffer = (ctypes.c_ulonglong * len(REGISTERS))(*(registers[name] for name in REGISTERS))
    ptrace(SETREGS, pid, 0, ctypes.addressof(buffer))


def read_memory(pid, address, size):
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        return memory.read(size)


class Child:
    def __init__(self):
        self.calls = []  # (number, first argument) of each so far.
        self.is_inside = False  # Between a call's entry and its end.
        self.failing = False
        self.has_execed = False


class Tracer:
    def __init__(self, pid):
        self.pid = pid
        self.fail_at, self.fail_errno, self.fail_call = None, 0, None
        self.is_listing = False
        self.is_past_exec = False
        self.children = {}
        self.stopped_early = set()  # Seen before the event that announces them.
        ptrace(SEIZE, pid, 0, O_SYSGOOD | O_FORK | O_VFORK | O_CLONE)

    def is_ready_mark(self, pid, registers):
        number = registers["orig_rax"]
        try:
            if number == WRITE:
                return read_memory(pid, registers["rsi"], 4) in MARKS
            if number == WRITEV:
                base = struct.unpack("Q", read_memory(pid, registers["rsi"], 8))[0]
                return read_memory(pid, base, 4) in MARKS
        except OSError:
            pass
        return False

    def on_syscall_stop(self, pid, child):
        """True when its set-up is over."""
        registers = get_registers(pid)
        if child.is_inside:
            child.is_inside = False
            if child.failing:
                registers["rax"] = (1 << 64) - self.fail_errno
                set_registers(pid, registers)
            return child.failing
        number = registers["orig_rax"]
        if self.is_past_exec:
            return self.on_confining_call(pid, child, registers)
        if self.is_ready_mark(pid, registers):
            return True
        child.is_inside = True
        if len(child.calls) == self.fail_at and self.fail_call in (None, number):
            child.failing = True
            set_registers(pid, {**registers, "orig_rax": (1 << 64) - 1})
        child.calls.append((number, registers["rdi"] & 0xFFFFFFFF))
        return number == EXECVE and not child.failing

    def on_confining_call(self, pid, child, registers):
        """True when the filter is about to be loaded: nothing can be confined after it."""
        child.is_inside = True
        number = registers["orig_rax"]
        if not child.has_execed:
            child.has_execed = number == EXECVE
            return False
        if number not in CONFINING:
            return False
        if len(child.calls) == self.fail_at:
            child.failing = True
            set_registers(pid, {**registers, "orig_rax": (1 << 64) - 1})
        child.calls.append((number, registers["rdi"] & 0xFFFFFFFF))
        return number == SECCOMP and not child.failing

    def on_stop(self, pid, status):
        event, stop_signal = status >> 16, os.WSTOPSIG(status)
        if pid not in self.children:
            if pid == self.pid:
                self.on_parent(event, stop_signal)
            else:
                self.stopped_early.add(pid)
            return
        child = self.children[pid]
        if stop_signal == signal.SIGTRAP | 0x80:
            if self.on_syscall_stop(pid, child):
                self.let_go(pid, child)
                return
            ptrace(SYSCALL, pid)
        elif event:
            if self.is_listing or self.fail_at is not None:
                ptrace(SYSCALL, pid)
            else:
                self.let_go(pid, child)
        else:
            ptrace(SYSCALL, pid, 0, stop_signal)

    def on_parent(self, event, stop_signal):
        if event in (1, 2, 3):
            number = ctypes.c_ulong()
            ptrace(GETEVENTMSG, self.pid, 0, ctypes.addressof(number))
            self.children[number.value] = Child()
            if number.value in self.stopped_early:
                self.stopped_early.discard(number.value)
                ptrace(SYSCALL, number.value)
        if event == EVENT_STOP and stop_signal in (signal.SIGSTOP, signal.SIGTSTP):
            ptrace(LISTEN, self.pid)
        else:
            ptrace(CONT, self.pid, 0, 0 if event else stop_signal)

    def let_go(self, pid, child):
        self.children.pop(pid)
        ptrace(DETACH, pid)
        if self.is_listing and child.calls:
            self.is_listing = False
            print(json.dumps(child.calls), flush=True)

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | WALL)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if os.WIFSTOPPED(status):
                try:
                    self.on_stop(pid, status)
                except OSError as error:
                    if error.errno != errno.ESRCH:  # Killed meanwhile: its end is still to come.
                        raise
            elif pid == self.pid:
                return False
            else:
                self.children.pop(pid, None)
                self.stopped_early.discard(pid)

    def obey(self, line):
        word, *rest = line.split()
        self.is_listing = word.startswith("list")
        self.is_past_exec = word.endswith("confining")
        self.fail_at, self.fail_errno, self.fail_call = None, 0, None
        if word.startswith("fail"):
            self.fail_at, self.fail_errno = int(rest[0]), int(rest[1])
            self.fail_call = int(rest[2]) if rest[2:] else None
        if not self.is_listing:
            print("done", flush=True)


def main():
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    tracer = Tracer(int(sys.argv[1]))
    print("attached", flush=True)
    while tracer.reap():
        ready = select.select([wake_read, sys.stdin], [], [], 1)[0]
        if wake_read in ready:
            os.read(wake_read, 4096)
        if sys.stdin in ready:
            line = sys.stdin.readline()
            if not line:
                return  # With us the kernel lets everybody go on.
            tracer.obey(line)


if __name__ == "__main__":
    main()
