"""The script runs once, as a module in what looks like a fresh process; the world that it sees."""

import json
import os
import subprocess

import pytest
from service import CANARY, PYTHON

URL = os.environ.get("SNAPJAIL_URL")  # Then the service's Python is its own, not PYTHON.


def value_of(execute, expression, imports="import os, sys"):
    return execute(f"{imports}\ndef main():\n    return {expression}\n").result


NUMBERS = pytest.mark.full_tier("numbers of processes are the container's")
SLOT_ID = pytest.mark.full_tier("the id is the slot's own")
HOST_NAME = pytest.mark.full_tier("the host's name is seen")
WATCHED = pytest.mark.full_tier("the bound on /tmp is watched")
OWN_TMP = pytest.mark.promised("tmp")

@pytest.mark.both_modes
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("__name__", "script"),
        ("sys.modules[__name__].main is main", True),
        ("__import__('script').main is main", True),
        pytest.param(*("__file__", "/tmp/script.py"), marks=OWN_TMP),
        pytest.param(*("sys.argv", ["/tmp/script.py"]), marks=OWN_TMP),
        pytest.param(*("sys.path[0]", "/tmp"), marks=OWN_TMP),
        pytest.param(*("os.getcwd()", "/tmp"), marks=OWN_TMP),
        pytest.param(*("os.listdir('/tmp')", ["script.py"]), marks=OWN_TMP),
        pytest.param(*("os.getuid()", 1000), marks=SLOT_ID),
        pytest.param(*("os.getgid()", 1000), marks=SLOT_ID),
        pytest.param(*("os.uname().nodename", "snapjail"), marks=HOST_NAME),
        pytest.param(*("__import__('socket').gethostname()", "snapjail"), marks=HOST_NAME),
        pytest.param(*("os.path.expanduser('~')", "/tmp"), marks=OWN_TMP),
        pytest.param(*("__import__('tempfile').gettempdir()", "/tmp"), marks=OWN_TMP),
        # The same, by whatever name.
        ("__file__ == os.path.join(os.getcwd(), 'script.py')", True),
        ("sys.argv == [__file__]", True),
        ("sys.path[0] == os.getcwd()", True),
        ("os.listdir()", ["script.py"]),
        ("os.path.expanduser('~') == os.getcwd()", True),
        ("__import__('tempfile').gettempdir() == os.getcwd()", True),
        ("main.__module__", "script"),
        (
            "__builtins__ in (__import__('builtins'), vars(__import__('builtins')))",
            True,
        ),
    ],
)
def test_the_module_and_its_world_are_as_promised(execute, expression, expected):
    assert value_of(execute, expression) == expected


@pytest.mark.both_modes
@pytest.mark.parametrize(
    "file", [pytest.param("'/tmp/script.py'", marks=OWN_TMP), "__file__", "'script.py'"]
)
def test_the_scripts_source_stands_in_the_file_as_it_was_sent(execute, file):
    script = f"def main():\n    # é\n    return open({file}, encoding='utf-8').read()\n"

    assert execute(script).result == script


@pytest.mark.both_modes
def test_health_says_in_what_a_jobs_world_departs_from_the_contract(
    execute, departures, tier, kernel
):
    """What tests skip by is looked for here: nothing is called a departure that is none."""
    script = """
import os, resource
def is_refused(path):
    try: open(path + '/probe', 'w').close()
    except OSError: return True
    os.unlink(path + '/probe')
    return False
def keeps_its_mode(path):
    os.chmod(path, 0o640)
    return os.stat(path).st_mode & 0o777 != 0o640
def cannot_be_signalled(child):
    if child == 0: os._exit(0)
    try: os.kill(child, 15)
    except PermissionError: return True
    finally: os.waitpid(child, 0)
    return False
def main():
    found = {'tmp': is_refused('/tmp') or os.getcwd() != '/tmp', 'dev_shm': is_refused('/dev/shm'),
             'modes': keeps_its_mode('script.py'), 'signals': cannot_be_signalled(os.fork()),
             'processes': resource.getrlimit(resource.RLIMIT_NPROC) != (64, 64)}
    return sorted(name for name, departs in found.items() if departs)
"""
    assert execute(script).result == sorted(departures)
    allowed_in_full = {"modes"} if kernel == "gvisor" else set()
    assert tier == "process" or set(departures) <= allowed_in_full


@pytest.mark.both_modes
def test_the_main_guard_does_not_run_main_twice(execute):
    script = "def main():\n    print('ran')\nif __name__ == '__main__':\n    main()\n"

    assert execute(script).json == {"result": None, "stdout": "ran\n"}


def test_the_body_runs_once(execute):
    script = "print('body')\ndef main():\n    import script\n    return script.main is main\n"

    assert execute(script).json == {"result": True, "stdout": "body\n"}


@pytest.mark.both_modes
@pytest.mark.parametrize(
    "body",
    [
        "return pickle.loads(pickle.dumps(Point(1, 2))) == Point(1, 2)",
        "return copy.deepcopy(Point(1, 2)) == Point(1, 2)",
        "return typing.get_type_hints(Point)['x'] is int",
        "return inspect.getsource(Point).startswith('@dataclasses.dataclass')",
        "return inspect.getsource(main).startswith('def main')",
        "return inspect.getmodule(Point).__name__ == 'script'",
        "return sys.modules[Point.__module__].Point is Point",
        "return dataclasses.asdict(Point(1, 2)) == {'x': 1, 'y': 2}",
        "return [f.name for f in dataclasses.fields(Point)] == ['x', 'y']",
    ],
)
def test_what_the_script_defines_is_found_again_by_its_module(execute, body):
    script = f"""
import copy, dataclasses, inspect, pickle, sys, typing
@dataclasses.dataclass
class Point:
    x: 'int'
    y: 'int'
def main():
    {body}
"""
    assert execute(script).result is True


def test_no_future_statement_of_ours_reaches_the_script(execute):
    assert execute("def f(x: no_such_name): pass\ndef main(): pass").error.startswith("NameError")
    assert (
        execute(
            "from __future__ import annotations\ndef f(x: no_such_name): return 1\n"
            "def main(): return f(1)"
        ).result
        == 1
    )


def test_a_docstring_is_the_modules(execute):
    assert execute('"""Doc."""\ndef main(): return __doc__').result == "Doc."


# The environment.


@pytest.mark.both_modes
def test_the_environment_is_small_fixed_and_not_the_services(execute):
    environment, folder = value_of(execute, "[dict(os.environ), os.getcwd()]")

    assert environment["HOME"] == folder
    assert environment["TMPDIR"] == folder
    assert environment["LANG"] == "C.UTF-8"
    assert environment["PATH"]
    assert len(environment) <= 20, sorted(environment)
    assert not [name for name in environment if name.startswith(("SNAPJAIL", "SECRET", "PORT"))]
    assert not {"PYTHON_BIN", "WRAPPER_PATH", "NSJAIL_CONFIG", "USE_NSJAIL"} & set(environment)
    assert not [name for name in environment if name.startswith("LD_")]


# Looks through the process's own memory for two halves that stand side by side; it never joins
# them itself, so that it does not find its own needle.
SCAN_MEMORY = """
def main():
    PLANT
    first, second = FIRST.encode(), SECOND.encode()
    hits = 0
    with open('/proc/self/maps') as maps, open('/proc/self/mem', 'rb', buffering=0) as memory:
        for line in maps.readlines():
            span, mode, *_ = line.split()
            start, end = (int(x, 16) for x in span.split('-'))
            if not mode.startswith('rw') or end - start > 2**28:
                continue
            try:
                memory.seek(start)
                data = memory.read(end - start)
            except OSError:
                continue
            at = data.find(first)
            while at >= 0:
                after = at + len(first)
                hits += data[after:after + len(second)] == second
                at = data.find(first, after)
    return hits
"""


@pytest.mark.parametrize("imports", ["", "import pandas"])
def test_a_secret_of_the_service_is_nowhere_in_a_guests_memory(service, imports):  # D-60, D-65
    half = len(CANARY) // 2
    script = imports + SCAN_MEMORY.replace("FIRST", repr(CANARY[:half]))
    script = script.replace("SECOND", repr(CANARY[half:]))
    scan = service.execute(script.replace("PLANT", ""))
    if scan.status == 400 and "/proc/self" in scan.error:
        pytest.skip("guests have no /proc here, so a script cannot read its memory by this way")

    assert scan.result == 0
    planted = f"global x; x = ''.join([{CANARY[:half]!r}, {CANARY[half:]!r}]).encode()"
    assert service.execute(script.replace("PLANT", planted)).result > 0  # The probe finds things.


@pytest.mark.both_modes
def test_a_secret_of_the_service_is_nowhere_in_proc(execute):  # D-52, D-60
    script = """
import os, sys
def main():
    out = [dict(os.environ), sys.argv, sys.path]
    for folder in ('/proc/self', '/proc/1', '/proc/thread-self'):
        for name in ('environ', 'cmdline', 'mountinfo', 'cgroup', 'status', 'maps'):
            try: out.append(open(f'{folder}/{name}', errors='replace').read())
            except OSError: pass
    return out
"""
    answer = execute(script)

    assert answer.status == 200, answer
    assert CANARY.encode() not in answer.raw


# D-64: a fresh process.


@pytest.mark.both_modes
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param(*("os.getpid()", 1), marks=NUMBERS),
        ("__import__('multiprocessing').current_process().name", "MainProcess"),
        ("__import__('multiprocessing').current_process().pid == os.getpid()", True),
        ("__import__('threading').current_thread() is __import__('threading').main_thread()", True),
        ("__import__('threading').active_count()", 1),
        ("__import__('logging').getLogger().handlers", []),
        ("__import__('logging').getLogger().level", 30),
        ("sys.getrecursionlimit()", 1000),
        ("__import__('gc').isenabled()", True),
        ("__import__('gc').get_threshold()[0] >= 700", True),
        ("sys.gettrace() is None and sys.getprofile() is None", True),
        ("__import__('signal').getsignal(2) is __import__('signal').default_int_handler", True),
        ("sum(__import__('signal').getitimer(which) != (0.0, 0.0) for which in range(3))", 0),
        ("len(__import__('signal').pthread_sigmask(0, []))", 0),
        ("os.umask(0o22)", 0o22),
        ("sys.flags.optimize", 0),
        ("sys.flags.dev_mode", False),
        ("__import__('decimal').getcontext().prec", 28),
        ("__import__('time').tzname[0]", "UTC"),
        ("__import__('locale').setlocale(__import__('locale').LC_NUMERIC)", "C"),
    ],
)
def test_the_process_looks_fresh(execute, expression, expected):
    assert value_of(execute, expression) == expected


@pytest.mark.both_modes
def test_cpu_accounting_starts_with_the_job(service):
    """A cold guest has started an interpreter; a warm one has done nothing of its own yet."""
    script = (
        "import resource, time\ndef main():\n    u = resource.getrusage(resource.RUSAGE_SELF)\n"
        + ("    return [time.process_time(), u.ru_utime + u.ru_stime]\n")
    )
    assert max(service.execute(script).result) < 0.5


@pytest.mark.both_modes
def test_no_module_of_the_runner_gets_in_the_way(execute):
    """A script may have modules of its own by any name, and finds none that is not Python's."""
    names = ("runner", "wrapper", "warmup", "zygote", "_snapjail", "probe", "custom_wrapper")
    found = value_of(execute, f"[name for name in {names!r} if name in sys.modules]")

    assert found == []
    assert value_of(execute, "sorted(vars(sys.modules['__main__']))") == [
        "__doc__",
        "__loader__",
        "__name__",
        "__package__",
        "__spec__",
    ]


@pytest.mark.parametrize(
    "name", ["runner", "wrapper", "json", "numpy", "sitecustomize", "site"]
)  # D-32
def test_a_module_that_the_script_writes_disturbs_only_itself(service, name):
    script = f"""
open('{name}.py', 'w').write('raise SystemExit(3)')
def main():
    return {{'a': [1.5, None]}}
"""
    assert service.execute(script).result == {"a": [1.5, None]}
    assert service.execute("import json, numpy\ndef main(): return json.dumps([1])").result == "[1]"


def test_a_script_imports_a_module_that_it_wrote(execute):
    script = "open('mine.py', 'w').write('x = 7')\nimport mine\ndef main(): return mine.x\n"

    assert execute(script).result == 7


# What is writable.


@pytest.mark.both_modes
def test_only_the_jobs_own_folder_is_writable(execute):
    script = """
import os
def main():
    writable = set()
    def probe(folder):
        try:
            with open(os.path.join(folder, '.probe'), 'w'): pass
            writable.add(folder)
        except OSError: pass
    for folder, folders, _ in os.walk('/'):
        own = ('/proc', os.getcwd())
        folders[:] = [f for f in folders if os.path.join(folder, f) not in own]
        probe(folder)
        if folder.count('/') >= 3: folders.clear()
    # Where even to list is refused, by name.
    for folder in ('/tmp', '/var/tmp', '/dev/shm', '/run', '/usr/lib', '/etc', '/home', '..'):
        if os.path.realpath(folder) != os.getcwd(): probe(folder)
    open('.probe', 'w').close()
    return sorted(writable)
"""
    assert set(execute(script).result) <= {"/dev/shm"}


# What is there to import.


@pytest.mark.parametrize(  # D-76
    ("imports", "expression", "expected"),
    [
        ("import numpy as np", "np.arange(3).sum().item()", 3),
        ("import numpy as np", "round(float(np.linalg.det(np.eye(50) * 2.0 ** 0.1)), 3)", 32.0),
        ("import numpy as np", "np.linalg.inv(np.eye(200)).trace().item()", 200.0),
        ("import numpy as np", "float(abs(np.fft.ifft(np.fft.fft(np.ones(64)))).sum())", 64.0),
        ("import numpy as np", "float((np.ones((500, 500)) @ np.ones((500, 500)))[0, 0])", 500.0),
        (
            "import pandas as pd",
            "pd.DataFrame({'a': [1, 1, 2], 'b': [1, 2, 3]})" ".groupby('a').b.sum().to_dict()",
            {"1": 3, "2": 3},
        ),
        (
            "import pandas as pd",
            "str(pd.to_datetime('2020-02-03').tz_localize('Europe/Paris'))",
            "2020-02-03 00:00:00+01:00",
        ),
        (
            "import pandas as pd, io",
            "pd.read_csv(io.StringIO('a,b\\n1,2\\n')).to_dict('list')",
            {"a": [1], "b": [2]},
        ),
        (
            "import pandas as pd",
            "pd.Series(pd.date_range('2020-01-01', periods=3)).dt.day.tolist()",
            [1, 2, 3],
        ),
        (
            "import pandas as pd",
            "pd.merge(pd.DataFrame({'k': [1]}), pd.DataFrame({'k': [1]})).shape[0]",
            1,
        ),
        ("import uuid", "len(str(uuid.uuid1()))", 36),
        ("import locale", "locale.getpreferredencoding(False).lower()", "utf-8"),
        ("import ssl", "ssl.create_default_context().verify_mode.value", 2),
        ("import sqlite3", "sqlite3.connect(':memory:').execute('select 1 + 1').fetchone()", [2]),
        ("import sqlite3", "sqlite3.connect('db').execute('create table t (x)') and 1", 1),
        ("import decimal", "str(decimal.Decimal(1) / 3)", "0.3333333333333333333333333333"),
        (
            "import zoneinfo, datetime",
            "datetime.datetime(2020, 7, 1, tzinfo=zoneinfo.ZoneInfo("
            "'America/New_York')).isoformat()",
            "2020-07-01T00:00:00-04:00",
        ),
        ("import subprocess", "subprocess.check_output(['echo', 'hi'], text=True)", "hi\n"),
        pytest.param(
            *("import pwd, os", "pwd.getpwuid(os.getuid()).pw_dir", "/tmp"), marks=OWN_TMP
        ),
        ("import getpass", "bool(getpass.getuser())", True),
        ("import hashlib", "hashlib.sha256(b'').hexdigest()[:8]", "e3b0c442"),
        ("import tempfile", "tempfile.TemporaryFile().write(b'x')", 1),
        pytest.param(*("import ctypes", "ctypes.CDLL(None).getpid()", 1), marks=NUMBERS),
        (
            "import zlib, bz2, lzma",
            "lzma.decompress(lzma.compress(bz2.compress(b'x'))) != b''",
            True,
        ),
        ("import platform", "platform.system()", "Linux"),
        ("import mmap", "len(mmap.mmap(-1, 4096))", 4096),
        ("import asyncio", "asyncio.run(asyncio.sleep(0, 5))", 5),
        pytest.param(
            "import shutil", "shutil.disk_usage('/tmp').total <= 100 * 2**20", True, marks=WATCHED
        ),
    ],
)
def test_the_usual_libraries_work(execute, imports, expression, expected):  # D-76, D-77, D-63
    assert value_of(execute, expression, imports) == expected


IMPORT_ALL = """
import importlib, sys, warnings
SKIPPED = {
    'antigravity', 'this', 'idlelib', 'turtledemo', 'turtle', 'tkinter', '_tkinter', '__main__'
}
def main():
    warnings.simplefilter('ignore')
    failed = []
    for name in sorted(sys.stdlib_module_names - SKIPPED):
        try: importlib.import_module(name)
        except BaseException as error: failed.append([name, type(error).__name__])
    return failed
"""


# Distributions put these into packages of their own: a Python that is not this machine's may lack
# what ours has, or have what ours lacks.
SPLIT_OFF = ("ensurepip", "venv", "distutils", "lib2to3", "_gdbm")


def test_the_whole_standard_library_can_be_imported(execute):
    """What fails, fails outside too, in the same way."""
    outside = subprocess.run(
        [PYTHON, "-c", IMPORT_ALL + "\nimport json; print(json.dumps(main()))"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    inside = execute(IMPORT_ALL).result
    expected = json.loads(outside.stdout)
    if URL:
        absent = [[name, "ModuleNotFoundError"] for name in SPLIT_OFF]
        inside = [one for one in inside if one not in absent]
        expected = [one for one in expected if one not in absent]
    assert inside == expected
