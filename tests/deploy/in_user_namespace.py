#!/usr/bin/env python3
"""Becomes a command in a user namespace of 65536 ids, as a pod with hostUsers: false has.

in_user_namespace.py COMMAND ...    as root; the command is root in there and nobody outside.
"""
import ctypes
import os
import sys

CLONE_NEWUSER = 0x10000000
FIRST_ID, IDS = 3_000_000, 65536  # Of nobody on this machine.


def write_maps(process):
    for kind in ("uid", "gid"):
        with open(f"/proc/{process}/{kind}_map", "w", encoding="ascii") as file:
            file.write(f"0 {FIRST_ID} {IDS}")


def main():
    # The maps are written from outside: by a child, so that the command keeps this process's pid.
    go_reader, go_writer = os.pipe()
    helper = os.fork()
    if helper == 0:
        os.close(go_writer)
        if os.read(go_reader, 1):
            write_maps(os.getppid())
        os._exit(0)
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    os.write(go_writer, b"x")
    _, status = os.waitpid(helper, 0)
    if status:
        sys.exit("in_user_namespace: the id maps could not be written")
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
