"""Nothing that one job does is there for the next; nothing of the service is there for any."""

import pytest

# D-56: {name: (what a job leaves behind, an expression that is False where nothing was left)}
DEEDS = {
    "environment": ("os.environ['LEFT'] = '1'", "'LEFT' in os.environ"),
    "working directory": ("os.chdir('/')", "os.getcwd() != home"),
    "umask": ("os.umask(0o777)", "os.umask(0o22) != 0o22"),
    "sys.modules": ("sys.modules['left'] = sys", "'left' in sys.modules"),
    "sys.path": ("sys.path.append('/left')", "'/left' in sys.path"),
    "patched json": ("json.dumps = None", "json.dumps is None"),
    "patched numpy": ("np.sum = None", "np.sum is None"),
    "patched pandas": ("pd.DataFrame = None", "pd.DataFrame is None"),
    "builtins": ("builtins.left = 1", "hasattr(builtins, 'left')"),
    "patched builtin": ("builtins.abs = None", "builtins.abs is None"),
    "file in its folder": ("open(home + '/left', 'w').close()", "os.path.exists(home + '/left')"),
    "folder in its folder": ("os.mkdir(home + '/left.d')", "os.path.exists(home + '/left.d')"),
    "overwritten script": (
        "open(__file__, 'w').write('left')",
        "'left' == open(__file__).read()",
    ),
    "mode of its folder": ("os.chmod(home, 0o500)", "os.stat(home).st_mode & 0o777 == 0o500"),
    "shared memory": ("shm('w')", "shm('r')"),
    "signal handler": (
        "signal.signal(signal.SIGUSR1, signal.SIG_IGN)",
        "signal.getsignal(signal.SIGUSR1) != signal.SIG_DFL",
    ),
    "blocked signal": (
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])",
        "bool(signal.pthread_sigmask(signal.SIG_BLOCK, []))",
    ),
    "timer": (
        "signal.setitimer(signal.ITIMER_REAL, 20)",
        "signal.getitimer(signal.ITIMER_REAL)[0] > 0",
    ),
    "limit": (
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))",
        "resource.getrlimit(resource.RLIMIT_NOFILE)[0] != 256",
    ),
    "priority": ("os.nice(10)", "os.nice(0) != os_nice_at_start"),
    "affinity": (
        "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])",
        "len(os.sched_getaffinity(0)) < min(2, os.cpu_count())",
    ),
    "atexit": ("atexit.register(print, 'left')", "atexit._ncallbacks() > at_start"),
    "logging": ("logging.basicConfig(level=1)", "bool(logging.getLogger().handlers)"),
    "locale": (
        "locale.setlocale(locale.LC_NUMERIC, 'C.UTF-8')",
        "locale.setlocale(locale.LC_NUMERIC) == 'C.UTF-8'",
    ),
    "warnings": ("warnings.simplefilter('error')", "warnings.filters[0][0] == 'error'"),
    "decimal context": ("decimal.getcontext().prec = 3", "decimal.getcontext().prec == 3"),
    "pandas option": (
        "pd.set_option('display.max_rows', 7)",
        "pd.get_option('display.max_rows') == 7",
    ),
    "numpy error state": ("np.seterr(all='raise')", "np.geterr()['divide'] == 'raise'"),
    "recursion limit": ("sys.setrecursionlimit(5000)", "sys.getrecursionlimit() == 5000"),
    "garbage collector": ("gc.disable()", "not gc.isenabled()"),
    "trace function": ("threading.settrace(print)", "threading.gettrace() is not None"),
    "codec": (
        "codecs.register(lambda name: left if name == 'left' else None)",
        "codec_is_known('left')",
    ),
    "random seed": ("random.seed(1); np.random.seed(1)", "random.random() == 0.13436424411240122"),
    "name": ("ctypes.CDLL(None).prctl(15, b'left')", "b'left' in prctl_name()"),
    "int digits": ("sys.set_int_max_str_digits(0)", "sys.get_int_max_str_digits() == 0"),
    "audit hook": ("sys.addaudithook(lambda *a: seen.append(1))", "bool(seen)"),
    "import hook": ("sys.meta_path.insert(0, Left())", "len(sys.meta_path) > 3 + len(extra)"),
    "thread": (
        "threading.Thread(target=time.sleep, args=(60,)).start()",
        "threading.active_count() > 1",
    ),
    "child": ("os.fork() or time.sleep(60)", "has_child()"),
}
PRELUDE = """
import atexit, builtins, codecs, ctypes, decimal, gc, json, locale, logging, os, random, resource
import signal, sys, threading, time, warnings
import numpy as np, pandas as pd
home = os.path.dirname(__file__)
os_nice_at_start = NICENESS
at_start = 1000
seen, extra = [], sys.meta_path[3:]
class left: pass
class Left:
    def find_spec(self, *a): return None
def shm(mode):
    try: open('/dev/shm/left', mode).close()
    except OSError: return False
    return True
def codec_is_known(name):
    try: codecs.lookup(name)
    except (LookupError, TypeError): return False
    return True
def prctl_name():
    name = ctypes.create_string_buffer(16)
    ctypes.CDLL(None).prctl(16, name)
    return name.value
def has_child():
    try: return os.waitpid(-1, os.WNOHANG) is not None
    except ChildProcessError: return False
"""


def prelude_of(service):
    """The service's own priority, which jobs have too, is whose that started it."""
    niceness = service.execute("import os\ndef main(): return os.nice(0)").result
    return PRELUDE.replace("NICENESS", str(niceness))


@pytest.fixture(scope="module")
def left_over(service):
    """What the jobs find, after and between jobs that leave everything behind that they can."""
    prelude = prelude_of(service)
    looks = "".join(f"    found[{name!r}] = {look}\n" for name, (_, look) in DEEDS.items())
    does = "".join(
        f"    try: {deed}\n    except (OSError, ValueError, locale.Error): pass\n"
        for deed, _ in DEEDS.values()
    )
    look = prelude + "def main():\n    found = {}\n" + looks + "    return found\n"
    leave = prelude + "def main():\n" + does + "    return 'left'\n"
    clean = service.execute(look).result
    answers = service.execute_all([leave, look] * 20, threads=3)
    assert {answer.json.get("result") for answer in answers[::2]} == {"left"}, answers[0]
    return [clean] + [answer.result for answer in answers[1::2]]


@pytest.mark.both_modes
@pytest.mark.parametrize("name", DEEDS)
def test_nothing_is_left_for_the_next_job(left_over, name):
    assert [found[name] for found in left_over] == [False] * len(left_over)


@pytest.mark.parametrize(
    "name",
    sorted(
        set(DEEDS)
        - {
            "random seed",
            "atexit",
            "priority",
            "affinity",
            "shared memory",
            "locale",
            "overwritten script",
            "mode of its folder",
            "timer",
            "codec",
        }
    ),
)
def test_the_look_finds_what_the_same_job_left(service, name):  # The positive control.
    deed, look = DEEDS[name]
    script = (
        prelude_of(service)
        + f"def main():\n    {deed}\n    open(home + '/x', 'a')\n    return {look}\n"
    )
    if name in ("umask", "file in its folder"):
        script = script.replace("    open(home + '/x', 'a')\n", "")

    assert service.execute(script).result is True


# D-54: descriptors.

LIST_DESCRIPTORS = """
import fcntl, os, stat
def main():
    found = {}
    for fd in range(0, 4096):
        try: mode = os.fstat(fd).st_mode
        except OSError: continue
        closes = bool(fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC)
        found[str(fd)] = [stat.filemode(mode)[0], closes]
    return found
"""


@pytest.mark.both_modes
def test_a_job_has_its_three_descriptors_and_the_results(execute):  # D-54
    found = execute(LIST_DESCRIPTORS).result
    others = {fd: kind for fd, kind in found.items() if int(fd) > 2}

    assert found["0"][0] in "cp" and found["1"][0] == "p" and found["2"][0] in "cp", found
    assert len(others) <= 2, others  # The result's, and in warm mode what the script came through.
    for kind, closes in others.values():
        assert kind in "p-s" and closes, others  # A pipe, a memfd; never a folder, gone on exec.


@pytest.mark.both_modes
def test_a_child_program_inherits_three_descriptors(execute):  # D-54
    script = (
        "import json, subprocess, sys\ndef main():\n"
        "    return json.loads(subprocess.run([sys.executable, "
        f"'-c', '''{LIST_DESCRIPTORS}\n"
        f"import json; print(json.dumps(main()))'''], capture_output=True,"
        " close_fds=False, check=True).stdout)\n"
    )
    assert set(execute(script).result) == {"0", "1", "2"}


@pytest.mark.both_modes
def test_no_descriptor_is_a_socket_that_listens_or_leads_out(execute):  # D-54
    script = """
import os, socket
def main():
    found = []
    for fd in range(3, 4096):
        try: s = socket.socket(fileno=os.dup(fd))
        except OSError: continue
        try: found.append([s.family, s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)])
        except OSError: pass
    return found
"""
    assert [found for found in execute(script).result if found[0] != 1 or found[1]] == []


# D-57: two jobs at once.


@pytest.mark.both_modes
def test_two_jobs_at_once_see_nothing_of_each_other(service):
    script = """
import os, time
def main():
    mark = os.urandom(8).hex()
    open(mark, 'w').close()
    time.sleep(0.5)
    try: proc = os.listdir('/proc')
    except (FileNotFoundError, PermissionError): proc = []
    pids = [name for name in proc if name.isdigit()]
    return [len(os.listdir()), len([p for p in pids if p != str(os.getpid())])]
"""
    answers = service.execute_all([script] * 8, threads=8)

    assert [answer.result for answer in answers] == [[2, 0]] * 8


# D-55: a job cannot change what the next one runs on.


def test_the_files_of_python_are_the_same_after_attempts_to_change_them(service):
    digest = """
import glob, hashlib, json, os, sys, numpy
def seen(name):
    status = os.stat(name)
    return status.st_mode, status.st_size, status.st_mtime_ns
def main():
    total = hashlib.sha256()
    files = [sys.executable, json.__file__, os.__file__, numpy.__file__]
    files += sorted(glob.glob(os.path.dirname(json.__file__) + '/**', recursive=True))
    for name in files:
        if os.path.isfile(name):  # Each slot has folders of its own, and times of those.
            total.update(open(name, 'rb').read() + repr(seen(name)).encode())
        ATTACK
    return total.hexdigest()
"""
    attack = """
        for deed in (lambda: open(name, 'r+b').write(b'x'), lambda: os.truncate(name, 0),
                     lambda: os.unlink(name), lambda: os.rename(name, name + '.old'),
                     lambda: os.chmod(name, 0o777), lambda: os.symlink('/tmp/x', name + '.pth'),
                     lambda: os.utime(name)):
            before = seen(name)
            try: deed()
            except OSError: continue
            if seen(name) != before: raise AssertionError(name)
"""
    before = service.execute(digest.replace("ATTACK", "pass")).result
    attacked = service.execute(digest.replace("        ATTACK\n", attack))

    assert attacked.result == before
    assert service.execute(digest.replace("ATTACK", "pass")).result == before
