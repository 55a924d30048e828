"""Runs an attack's control outside the jail: outside.py script.py function [namespace ...]."""

import ctypes
import json
import os
import sys

# Controls that change the machine do so to namespaces of their own.
NAMESPACES = {
    "user": 0x10000000,
    "mount": 0x00020000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "net": 0x40000000,
}
MS_REC_PRIVATE = 0x4000 | 0x40000


def enter(names):
    """Unshares; an ordinary user becomes root of a user namespace first."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not names:
        return
    uid, gid = os.getuid(), os.getgid()
    flags = sum(NAMESPACES[name] for name in names)
    if uid != 0:
        flags |= NAMESPACES["user"]
    if libc.unshare(flags) != 0:
        print(json.dumps({"unable": f"unshare: {os.strerror(ctypes.get_errno())}"}))
        sys.exit(0)
    if flags & NAMESPACES["user"]:
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"0 {uid} 1"),
            ("gid_map", f"0 {gid} 1"),
        ):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
    if "mount" in names:
        assert libc.mount(None, b"/", None, MS_REC_PRIVATE, None) == 0


def main():
    path, function, *names = sys.argv[1:]
    enter(names)
    scope = {"__name__": "script"}
    with open(path, encoding="utf-8") as file:
        exec(compile(file.read(), path, "exec"), scope)  # pylint: disable=exec-used
    if function == "main":
        function = "control" if "control" in scope else "main"
    print(json.dumps({"result": scope[function]()}))


if __name__ == "__main__":
    main()
