"""Memory, processes, descriptors and files: where the limits stand and how a script meets them."""

import re

import pytest

MIB = 2**20
COUNTS_MEMORY = r"cgroup limits \(.*\bmemory\b"  # Among the layers of /health.
NEXT = "def main():\n    return 'next'\n"


@pytest.mark.both_modes
@pytest.mark.parametrize(  # D-37
    "statement",
    [
        "' ' * 10**10",
        "bytearray(2 * 10**9)",
        "[0] * 10**9",
        "list(range(10**9))",
        "b = b'x'\n    while True: b = b + b",
        # Much of it is only reserved: to touch all of it takes a slow machine the CPU limit.
        "import mmap\n    l = [mmap.mmap(-1, 5 << 27)]\n    while True: l.append(bytearray(10**6))",
        "import numpy\n    numpy.ones(10**9)",
        "import pandas\n    pandas.DataFrame({'a': range(10**9)}).copy()",
    ],
)
def test_more_memory_than_the_limit_is_the_memory_limit(service, statement):
    answer = service.execute(f"def main():\n    print('before')\n    {statement}\n")

    assert answer.outcome == (400, "memory_limit"), answer
    assert answer.error.startswith("memory limit exceeded")
    assert answer.stdout == "before\n"


@pytest.mark.both_modes
def test_half_of_the_limit_is_there(execute):  # The positive control.
    script = f"def main():\n    block = bytearray(512 * {MIB})\n    return len(block)\n"

    assert execute(script).result == 512 * MIB


def test_a_script_may_catch_the_limit_and_go_on(execute):
    script = "def main():\n    try: b' ' * 10**10\n    except MemoryError: return 'caught'\n"

    assert execute(script).result == "caught"


def test_address_space_is_not_reserved_without_bound(execute):  # D-37
    script = """import mmap
def main():
    try: mmap.mmap(-1, 100 * 2**30)
    except OSError as error: return error.errno
"""
    assert execute(script).result == 12  # ENOMEM


def test_a_smaller_limit_is_set_by_the_environment(start):
    small = start({"SNAPJAIL_MEMORY_LIMIT": "512"})

    assert small.execute("def main(): return len(bytearray(200 * 2**20))").result == 200 * MIB
    assert (
        small.execute("def main(): return len(bytearray(600 * 2**20))").error_type == "memory_limit"
    )


@pytest.fixture
def counts_whole_jobs(service, tier):
    """Whether /health promises a bound on what all processes of a job take together."""
    layers = service.ask("GET", "/health").json["layers"]
    return tier == "process" or any(re.match(COUNTS_MEMORY, name) for name in layers)


def test_memory_of_all_processes_together_is_bounded_where_health_says_so(  # D-37
    service, counts_whole_jobs
):
    """By a memory cgroup, or by the watch of tier process. Elsewhere each process has the limit for
    itself, as SECURITY.md says, and six of a third of it live."""
    script = """
import os, time
def main():
    read, write = os.pipe()
    for _ in range(6):
        if os.fork() == 0:
            block = bytearray(300 * 2**20)
            os.write(write, b'x')
            time.sleep(100)
    held = 0
    while held < 6: held += len(os.read(read, 6))
    time.sleep(1)  # Where they are watched from outside, the watch may need a moment.
    return 'lived'
"""
    answer = service.execute(script)

    if counts_whole_jobs:
        assert answer.outcome == (400, "memory_limit"), answer
    else:
        assert answer.result == "lived"
    assert service.execute(NEXT).result == "next"


# D-39: 64 processes and threads.

COUNT_PROCESSES = """
import os, time
def main():
    count = 1
    while count < 1000:
        try:
            if os.fork() == 0:
                time.sleep(100)
        except OSError as error:
            return [count, error.errno]
        count += 1
    return [count, 0]
"""
COUNT_THREADS = """
import threading, time
def main():
    count = 1
    while count < 1000:
        try:
            threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
        except RuntimeError:
            return count
        count += 1
    return count
"""


@pytest.mark.promised("processes")
@pytest.mark.linux("processes are counted for each user id, over the whole sandbox")
@pytest.mark.both_modes
def test_the_sixty_fifth_process_is_refused(service):
    assert service.execute(COUNT_PROCESSES).result == [64, 11]  # EAGAIN
    assert service.execute(NEXT).result == "next"


@pytest.mark.promised("processes")
@pytest.mark.linux("processes are counted for each user id, over the whole sandbox")
@pytest.mark.both_modes
def test_the_sixty_fifth_thread_is_refused(service):
    assert service.execute(COUNT_THREADS).result == 64


@pytest.mark.parametrize(
    "start",
    [
        "if os.fork() == 0: time.sleep(100)",
        "threading.Thread(target=time.sleep, args=(100,), daemon=True).start()",
    ],
    ids=["processes", "threads"],
)
def test_too_many_are_refused_or_where_that_cannot_be_end_the_job(service, departures, start):
    script = f"""
import os, threading, time
def main():
    for _ in range(80):
        {start}
    time.sleep(3)  # Where they are watched from outside, the watch may need a moment.
"""
    answer = service.execute(script)

    if "processes" in departures:
        assert answer.outcome == (400, "memory_limit"), answer
        assert "more processes and threads than allowed" in answer.error
    else:
        assert answer.outcome == (400, "exception"), answer
    assert service.execute(NEXT).result == "next"


@pytest.mark.promised("processes")
@pytest.mark.linux("processes are counted for each user id, over the whole sandbox")
def test_one_jobs_processes_are_not_counted_for_another(service):
    answers = service.execute_all([COUNT_PROCESSES] * 4, threads=2)

    assert [answer.result for answer in answers] == [[64, 11]] * 4


@pytest.mark.parametrize(
    "script",
    [
        "import os\ndef main():\n    while True:\n        try: os.fork()\n"
        "        except OSError: pass",
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        "import os, sys\ndef main():\n    while True:\n        try:\n"
        "            if os.fork() == 0:\n"
        "                os.execv(sys.executable, [sys.executable, __file__])\n"
        "        except OSError: pass",
        "import os\ndef main():\n    while True:\n        try:\n"
        "            if os.fork() == 0: os._exit(0)\n        except OSError: pass",
        "import threading\ndef f():\n    while True:\n"
        "        try: threading.Thread(target=f).start()\n        except RuntimeError: pass\n"
        "main = f",
        "import os\ndef main():\n    while True:\n        try:\n            if os.fork() == 0:\n"
        "                os.setsid()\n                if os.fork(): os._exit(0)\n"
        "        except OSError: pass",
    ],
    ids=["fork bomb", "at import", "exec bomb", "zombies", "thread bomb", "daemons"],
)
def test_a_bomb_ends_with_its_job(impatient, script):
    answer = impatient.execute(script)

    assert answer.status == 400, answer
    assert answer.error_type in ("cpu_limit", "time_limit", "memory_limit", "exception"), answer
    assert answer.seconds < 4
    after = impatient.execute(NEXT)
    assert after.result == "next" and after.seconds < 2


def test_a_bomb_and_a_neighbour_do_not_meet(impatient):
    bomb = (
        "import os\ndef main():\n    while True:\n        try: os.fork()\n"
        "        except OSError: pass"
    )
    answers = impatient.execute_all([bomb] + [NEXT] * 20, threads=2)

    assert [answer.result for answer in answers[1:]] == ["next"] * 20


# 256 open files, counted with those that the job starts with.


@pytest.mark.both_modes
def test_the_two_hundred_and_fifty_seventh_file_is_refused(execute):
    script = """
import os
def main():
    files = []
    try:
        while len(files) < 1000: files.append(os.open(__file__, os.O_RDONLY))
    except OSError as error:
        return [max(files), error.errno]
"""
    assert execute(script).result == [255, 24]  # EMFILE


# 100 MB for one file, and for all of /tmp.

WRITE = """
import os
def main():
    written = 0
    with open('file', 'wb', buffering=0) as file:
        try:
            while written < {size}:
                written += file.write(b'x' * min(2**20, {size} - written))
        except OSError as error:
            return [written, error.strerror]
    return [written, None]
"""


@pytest.mark.both_modes
def test_a_file_of_ninety_megabytes_is_written(execute):
    assert execute(WRITE.format(size=90 * 10**6)).result == [90 * 10**6, None]


@pytest.mark.both_modes
def test_a_larger_file_than_the_limit_is_refused(execute):
    written, error = execute(WRITE.format(size=120 * MIB)).result

    assert 99 * 10**6 <= written <= 100 * MIB
    assert error in ("File too large", "No space left on device")


@pytest.mark.both_modes
def test_all_files_together_are_bounded(execute, tier):
    script = """
def main():
    written = 0
    try:
        for n in range(10):
            with open(f'file{n}', 'wb', buffering=0) as file:
                for _ in range(30):
                    written += file.write(b'x' * 2**20)
    except OSError as error:
        return [written, error.strerror]
    time.sleep(2)  # Where they are watched from outside, the watch may need a moment.
"""
    answer = execute("import time" + script)
    if tier == "process":
        assert answer.outcome == (400, "memory_limit"), answer
        return
    written, error = answer.result

    assert 98 * 10**6 <= written <= 100 * MIB
    assert error == "No space left on device"


def test_a_sparse_file_is_bounded_too(execute):  # D-31
    script = """
import os
def main():
    fd = os.open('sparse', os.O_RDWR | os.O_CREAT)
    try: os.truncate(fd, 2**50)
    except OSError as error: return error.strerror
"""
    assert execute(script).result == "File too large"


def test_the_number_of_files_is_bounded(impatient):  # D-31
    script = """
def main():
    count = 0
    try:
        while count < 200_000:
            open(str(count), 'w').close()
            count += 1
    except OSError as error:
        return error.strerror
"""
    answer = impatient.execute(script)

    if answer.status == 200:
        assert answer.result == "No space left on device"
    else:
        assert answer.error_type in ("cpu_limit", "time_limit"), answer
    assert impatient.execute("import os\ndef main(): return os.listdir()").result == [
        "script.py"
    ]


def test_shared_memory_is_bounded(execute):  # D-37
    script = """
import os
def main():
    if not os.path.isdir('/dev/shm'): return 'none'
    written = 0
    try:
        with open('/dev/shm/x', 'wb', buffering=0) as file:
            while written < 300 * 2**20: written += file.write(b'x' * 2**20)
    except OSError:
        pass
    return written
"""
    result = execute(script).result

    assert result == "none" or result <= 100 * MIB


def test_memory_of_files_without_names_is_bounded(service):  # D-37
    script = """
import os
def main():
    fd = os.memfd_create('m')
    for _ in range(2000): os.write(fd, b'x' * 2**20)
"""
    answer = service.execute(script)

    assert answer.status == 400, answer
    assert answer.error_type in ("exception", "memory_limit", "cpu_limit", "signal"), answer
    assert service.execute(NEXT).result == "next"


# Kernel memory that a process holds by its descriptors: their number times what each takes.

PIPE_BYTES = 65536  # Sixteen pages: fcntl(F_SETPIPE_SZ) is refused.
DESCRIPTORS_OF_PAIRS = 252  # Of 256, what is left beside the four that a job starts with.

FILL_PIPES = """
import errno, os
def fill(fd):
    written = 0
    os.set_blocking(fd, False)
    while True:
        try: written += os.write(fd, b'x' * 2**20)
        except BlockingIOError: return written
def main():
    filled = []
    try:
        while len(filled) < 2000: filled.append(fill(os.pipe()[1]))
    except OSError as error:
        return [filled, errno.errorcode[error.errno]]
    return [filled, None]
"""


def test_what_pipes_hold_is_bounded(execute):  # D-37
    """Each holds less where those of other jobs have used up what one user's may: SECURITY.md."""
    filled, refused = execute(FILL_PIPES).result

    assert refused == "EMFILE"
    assert 100 <= len(filled) <= DESCRIPTORS_OF_PAIRS // 2, len(filled)
    assert 0 < min(filled) and max(filled) <= PIPE_BYTES, filled


FILL_SOCKETS = """
import errno, os, socket
def fill(one, buffer_bytes):
    written = 0
    one.setblocking(False)
    if buffer_bytes: one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
    while True:
        try: written += one.send(b'x' * 4096)
        except BlockingIOError: return written
def main(buffer_bytes={buffer_bytes}):
    filled, pairs = [], []
    try:
        while len(pairs) < 2000:
            pairs.append(socket.socketpair())
            filled += [fill(one, buffer_bytes) for one in pairs[-1]]
    except OSError as error:
        size = pairs[0][0].getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        return [filled, errno.errorcode[error.errno], size]
    return [filled, None, 0]
"""


def test_what_the_queues_of_sockets_hold_is_bounded(execute):  # D-37
    filled, refused, buffer_bytes = execute(FILL_SOCKETS.format(buffer_bytes=0)).result

    assert refused == "EMFILE"
    assert 200 <= len(filled) <= DESCRIPTORS_OF_PAIRS, len(filled)
    # A message that begins within the buffer may end past it.
    assert 0 < min(filled) and max(filled) <= buffer_bytes + 4096, (filled[:4], buffer_bytes)
    assert len(filled) * buffer_bytes < 100 * MIB


def test_queues_of_sockets_cannot_be_grown(execute):  # D-37
    """SO_SNDBUF may be as large as the host lets it: two gigabytes in the queues of one process."""
    filled, refused, _ = execute(FILL_SOCKETS.format(buffer_bytes=2**30)).result

    assert (filled, refused) == ([], "EPERM")


# D-43: the limits cannot be raised.


@pytest.mark.both_modes
@pytest.mark.parametrize(
    "limit",
    ["RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_FSIZE", "RLIMIT_CORE"],
)
def test_a_limit_cannot_be_raised(execute, limit):
    script = f"""import resource
def main():
    soft, hard = resource.getrlimit(resource.{limit})
    for new in (-1, hard + 1):
        try: resource.setrlimit(resource.{limit}, (new, new))
        except (ValueError, PermissionError): pass
    return resource.getrlimit(resource.{limit}) == (soft, hard) and hard != -1
"""
    assert execute(script).result is True


def test_a_limit_can_be_lowered(execute):  # The positive control.
    script = """import resource
def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200))
    return resource.getrlimit(resource.RLIMIT_NOFILE)
"""
    assert execute(script).result == [100, 200]


# D-42: what uses processes and threads within the limits works.

NEEDS_SEMAPHORES = pytest.mark.promised("dev_shm")  # glibc's sem_open() knows no other place.

@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            "with multiprocessing.Pool(2) as pool: return pool.map(abs, [-1, -2])",
            marks=NEEDS_SEMAPHORES,
        ),
        pytest.param(
            "with ProcessPoolExecutor(2) as pool: return list(pool.map(abs, [-1, -2]))",
            marks=NEEDS_SEMAPHORES,
        ),
        "with ThreadPoolExecutor(2) as pool: return list(pool.map(abs, [-1, -2]))",
        pytest.param(
            "queue = multiprocessing.Queue()\n    p = multiprocessing.Process(target=queue.put, "
            "args=([1, 2],))\n    p.start()\n    value = queue.get()\n    p.join()\n"
            "    return value",
            marks=NEEDS_SEMAPHORES,
        ),
        pytest.param(
            "value = multiprocessing.Value('i', 1)\n    return [value.value, 2]",
            marks=NEEDS_SEMAPHORES,
        ),
        "import threading\n    out = []\n"
        "    t = threading.Thread(target=out.extend, args=([1, 2],))"
        "\n    t.start()\n    t.join()\n    return out",
        "a, b = multiprocessing.Pipe()\n    p = multiprocessing.Process(target=b.send, "
        "args=([1, 2],))\n    p.start()\n    value = a.recv()\n    p.join()\n    return value",
    ],
    ids=["Pool", "ProcessPoolExecutor", "ThreadPoolExecutor", "Queue", "Value", "Thread", "Pipe"],
)
def test_the_standard_ways_to_work_side_by_side_work(execute, body):
    script = f"""import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
def main():
    {body}
"""
    assert execute(script).result == [1, 2]
