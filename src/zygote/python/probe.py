"""Tells the supervisor what this interpreter reads: run once, outside any jail.

Prints one JSON object: {"version": ..., "paths": [...]} or {"error": ...}. The paths are the
standard library, everything on sys.path, a virtual environment or a prefix of its own as a whole,
and the folders of all shared libraries in use once the extension modules have been loaded.
"""

import json
import os
import sys
import sysconfig

# Extension modules of the standard library that bring shared libraries of the system with them; and
# what scripts use most. What is missing here is missing in the jail too: no error.
LOADED_FOR_THEIR_LIBRARIES = (
    "_bz2 _ctypes _curses _dbm _decimal _gdbm _hashlib _lzma _sqlite3 _ssl _uuid _zoneinfo "
    "pyexpat readline zlib numpy pandas"
).split()
SHARED_PREFIXES = ("/", "/usr", "/usr/local")
# Time zones; and the locale that guests have: LANG=C.UTF-8.
DATA_FOLDERS = (
    "/usr/share/zoneinfo",
    "/usr/lib/locale/C.utf8",
    "/usr/lib/locale/C.UTF-8",
)


def shared_library_folders():
    folders = set()
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        for line in maps:
            fields = line.rstrip("\n").split(maxsplit=5)
            if len(fields) == 6 and fields[5].startswith("/") and ".so" in fields[5]:
                folders.add(os.path.dirname(fields[5]))
    return folders


def program_interpreter(path):
    """The dynamic loader that the program's ELF header names: PT_INTERP, see elf(5)."""
    with open(path, "rb") as file:
        data = file.read(4096)
    start = data.find(b"/lib")
    end = data.find(b"\0", start)
    return [os.fsdecode(data[start:end])] if 0 < start < end and b"ld" in data[start:end] else []


def wanted_paths():
    paths = {sys.executable, *program_interpreter(sys.executable)}
    for name in ("stdlib", "platstdlib", "purelib", "platlib"):
        paths.add(sysconfig.get_paths()[name])
    paths.update(entry for entry in sys.path if entry)
    for prefix in (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix):
        if prefix not in SHARED_PREFIXES:
            paths.add(prefix)
    paths.update(shared_library_folders())
    paths.update(DATA_FOLDERS)
    return sorted(path for path in paths if os.path.isabs(path) and os.path.exists(path))


def main():
    if sys.implementation.name != "cpython" or sys.version_info < (3, 9):
        print(json.dumps({"error": f"CPython 3.9 or newer is needed, this is {sys.version}"}))
        return
    for name in LOADED_FOR_THEIR_LIBRARIES:
        try:
            __import__(name)
        except Exception:  # What is broken here is so in the jail: its user will see.
            pass
    print(json.dumps({"version": sys.version.split()[0], "paths": wanted_paths()}))


main()
