"""Memory and files that a job keeps alive and no process shows: bounded like all others.

Where a cgroup bounds memory it sees all of it, and /tmp has a size; in tier `process` somebody has
to look.
"""

import pytest
from service import Service

NEXT = "def main():\n    return 'next'\n"
SETTINGS = {"SNAPJAIL_MEMORY_LIMIT": "256", "SNAPJAIL_TMP_LIMIT": "50", "SNAPJAIL_FILE_LIMIT": "50"}
# Each holds 640 MiB, piece by piece, so that no single piece is over a limit.
HELPERS = """
import ctypes, mmap, os, socket, threading, time
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
BLOCK = b'x' * 2**20
def fill(file, count=40):
    for _ in range(count): os.write(file, BLOCK)
    return file
def map_a_page(file):
    assert libc.mmap(None, ctypes.c_size_t(4096), 1, 1, file, ctypes.c_long(0)) != 2**64 - 1
def unlinked(name='piece'):
    file = os.open(name, os.O_RDWR | os.O_CREAT)
    os.unlink(name)
    return file
def in_children(count, work):
    for _ in range(count):
        if os.fork() == 0:
            work()
            time.sleep(100)
    time.sleep(1.5)
def touch(block, size):
    for at in range(0, size, 4096): block[at] = 1
"""
WAYS = {
    "shared memory of children": """
    in_children(8, lambda: touch(mmap.mmap(-1, 80 << 20), 80 << 20))""",
    "shared memory, most of it unmapped": """
    for _ in range(16):
        size = 40 << 20
        address = libc.mmap(None, ctypes.c_size_t(size), 3, 0x21, -1, ctypes.c_long(0))
        ctypes.memset(address, 1, size)
        time.sleep(0.1)  # Long enough for a look, which has to remember.
        libc.munmap(address + 4096, size - 4096)""",
    "memory files, mapped and closed": """
    for _ in range(16):
        file = fill(os.memfd_create('piece'))
        map_a_page(file)
        os.close(file)
        time.sleep(0.05)""",
    "unlinked files, mapped and closed": """
    for _ in range(16):
        file = fill(unlinked())
        map_a_page(file)
        os.close(file)
        time.sleep(0.05)""",
    "unlinked files, open": """
    files = []
    for _ in range(16):
        files.append(fill(unlinked()))
        time.sleep(0.05)""",
    "descriptors in flight": """
    ends = socket.socketpair()
    for _ in range(16):
        file = fill(os.memfd_create('piece'))
        socket.send_fds(ends[0], [b'1'], [file])
        os.close(file)
        time.sleep(0.05)""",
    "processes without their first thread": """
    def work():
        block = bytearray(80 << 20)
        threading.Thread(target=time.sleep, args=(100,)).start()
        libc.syscall({'x86_64': 60, 'aarch64': 93}[os.uname().machine], 0)  # exit, of one thread.
    in_children(8, work)""",
}


@pytest.fixture(scope="module")
def bounded(own, mode, tier):
    # In tier process without cgroups: it is who looks that is tried, and the usual container has
    # none that could be written to.
    more = {"SNAPJAIL_CGROUPS": "off"} if tier == "process" else {}
    running = Service({**SETTINGS, **more}, mode=mode).start()
    yield running
    running.stop()


@pytest.mark.both_modes
@pytest.mark.parametrize("way", WAYS)
def test_what_no_process_shows_is_bounded_too(bounded, tier, way):  # D-37, D-40
    if tier == "full":
        layers = bounded.ask("GET", "/health").json["layers"]
        if not any("cgroup limits" in layer and "memory" in layer for layer in layers):
            pytest.skip("tier full without a memory cgroup: SECURITY.md says what is not bounded")
    script = f"{HELPERS}\ndef main():{WAYS[way]}\n    time.sleep(1)\n    return 'held'"

    answer = bounded.execute(script)

    # In tier full /tmp itself says that it is full.
    is_full = answer.error_type == "exception" and "No space left" in answer.error
    assert (tier == "full" and is_full) or answer.outcome == (400, "memory_limit"), answer
    assert bounded.execute(NEXT).result == "next"


GOOD = {
    "one temporary file, many descriptors": """
    import tempfile
    file = tempfile.TemporaryFile()
    file.write(b'x' * 2**20)
    file.flush()
    copies = [os.dup(file.fileno()) for _ in range(150)]""",
    "one temporary file, many processes": """
    import tempfile
    file = tempfile.TemporaryFile()
    file.write(b'x' * (5 << 20))
    file.flush()
    children = [os.fork() for _ in range(1)]
    if 0 in children: time.sleep(1); os._exit(0)
    for _ in range(30):
        if os.fork() == 0: time.sleep(0.5); os._exit(0)""",
    "shared memory that all children have": """
    block = mmap.mmap(-1, 100 << 20)
    touch(block, 100 << 20)
    for _ in range(8):
        if os.fork() == 0: block[0]; time.sleep(0.5); os._exit(0)""",
    "a mapped temporary file": """
    file = fill(unlinked(), 20)
    block = mmap.mmap(file, 20 << 20)
    os.close(file)""",
    "descriptors that are sent and taken": """
    ends = socket.socketpair()
    for _ in range(100):
        file = unlinked()
        socket.send_fds(ends[0], [b'1'], [file])
        taken = socket.recv_fds(ends[1], 1, 1)[1]
        os.close(file)
        os.close(taken[0])""",
}


@pytest.mark.both_modes
@pytest.mark.parametrize("way", GOOD)
def test_what_is_small_is_not_taken_for_large(bounded, way):  # The control.
    script = f"{HELPERS}\ndef main():{GOOD[way]}\n    time.sleep(0.6)\n    return 'held'"

    assert bounded.execute(script).result == "held"
