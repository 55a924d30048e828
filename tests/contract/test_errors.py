"""The contract's error table: which word, which status, which sentence."""

import re

import pytest


def raising(expression):
    return f"def main():\n    print('before')\n    raise {expression}\n"


@pytest.mark.both_modes
def test_an_exception_is_told_with_its_type_message_and_line(execute):
    answer = execute("def main():\n    print('before')\n    raise ValueError('boom')\n")

    assert answer.outcome == (400, "exception")
    assert answer.error == "ValueError: boom (line 3)"
    assert answer.stdout == "before\n"


def test_the_line_is_the_scripts_own_deepest(execute):
    script = "import json\n\ndef inner():\n    json.loads('x')\n\ndef main():\n    inner()\n"

    assert execute(script).error.startswith("JSONDecodeError: ")
    assert execute(script).error.endswith("(line 4)")


def test_an_exception_at_import_is_told_with_its_line(execute):
    assert (
        execute("\n\n1 / 0\ndef main(): pass\n").error
        == "ZeroDivisionError: division by zero (line 3)"
    )


def test_an_exception_without_a_message_is_told_by_its_type(execute):
    assert re.fullmatch(r"ValueError:? ?\(line 3\)", execute(raising("ValueError")).error)


@pytest.mark.both_modes
@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("def main(:\n    pass\n", 1),
        ("x = 1\ndef main():\nreturn 1\n", 3),
        ("def main():\n    return 1\n  x = 2\n", 3),
        ("def main():\n\tif 1:\n        pass\n", 3),
        ("def main():\n    return 'a\n", 2),
        ("return 1\n", 1),
        ("def main():\n    await x\n", 2),
        ("def main():\n    x = 1\n    nonlocal y\n", 3),
        ("\n\nif True print(1)\n", 3),
        ("from __future__ import no_such_feature\n", 1),
    ],
)
def test_a_syntax_error_is_told_with_its_line(execute, script, line):
    answer = execute(script)

    assert answer.outcome == (400, "syntax_error"), answer
    assert re.match(r"(Syntax|Indentation|Tab)Error: .", answer.error), answer
    assert answer.error.endswith(f"(line {line})"), answer
    assert answer.stdout == ""


@pytest.mark.parametrize(  # D-25
    "script",
    [
        "-" * 100_000 + "1",
        "(" * 300,
        "[" * 50_000 + "]" * 50_000,
        "x" + ".x" * 60_000,
        "f'" + "{f'" * 200,
    ],
    ids=["minus signs", "parentheses", "brackets", "attributes", "f-strings"],
)
def test_a_script_that_is_too_much_for_the_compiler_is_a_syntax_error(service, script):
    answer = service.execute(script + "\ndef main(): return 1\n")

    assert answer.outcome == (400, "syntax_error"), answer
    assert service.execute("def main(): return 'next'").result == "next"


# D-20: the traceback.


def test_a_traceback_shows_the_scripts_lines_and_no_others(execute, is_script):
    script = """import json

def inner():
    return json.loads('x')  # the line

def main():
    return inner()
"""
    answer = execute(script)
    trace = answer.json["traceback"]

    assert "return json.loads('x')  # the line" in trace
    assert "line 4" in trace and "line 7" in trace
    files = re.findall(r'File "([^"]*)"', trace)
    assert is_script(files[0]) and set(files) == {files[0]}, trace
    assert trace.rstrip().endswith("JSONDecodeError: Expecting value: line 1 column 1 (char 0)")


@pytest.mark.both_modes
@pytest.mark.parametrize(
    "script",
    [
        raising("ValueError('x')"),
        "1 / 0",
        "def main(:",
        "def main(): return main()",
        "async def main(): raise KeyError(1)",
        "def main(): exec('1/0')",
        "import threading\ndef main(x): pass",
        "def main():\n    try: 1 / 0\n"
        "    except Exception as e: raise RuntimeError('chained') from e",
        "def main():\n    raise ExceptionGroup('two', [ValueError(1), KeyError(2)])",
        "class E(Exception):\n    def __str__(self): raise RuntimeError\ndef main(): raise E",
    ],
)
def test_no_error_holds_a_path_or_a_name_of_the_service(execute, is_script, script):
    answer = execute(script)
    told = answer.error + answer.json.get("traceback", "")

    assert answer.status == 400
    for file in re.findall(r'File "([^"]*)"', told):
        assert is_script(file) or re.fullmatch(r"<(string|exec|unknown|frozen .*)>", file), told
    for word in ("runner", "wrapper", "zygote", "_snapjail", "site-packages"):
        assert word not in told, told


def test_both_halves_of_a_chained_exception_are_in_the_traceback(execute):
    script = (
        "def main():\n    try:\n        1 / 0\n    except Exception as e:\n"
        "        raise RuntimeError('outer') from e\n"
    )
    trace = execute(script).json["traceback"]

    assert "ZeroDivisionError" in trace and "RuntimeError: outer" in trace


def test_endless_recursion_is_an_exception_with_a_short_traceback(execute):
    answer = execute("def main(): return main()")

    assert answer.outcome == (400, "exception")
    assert answer.error.startswith("RecursionError: ")
    assert len(answer.json["traceback"]) < 20_000


# D-19: hostile exceptions.

MESSAGE_BYTES_MAX = 64 * 1024  # Generous: what matters is that there is a bound.


@pytest.mark.both_modes
@pytest.mark.parametrize(
    ("definition", "begins"),
    [
        ("class E(Exception):\n    def __str__(self): raise RuntimeError('in str')", "E"),
        ("class E(Exception):\n    def __str__(self): return 'x' * 10**8", "E"),
        ("class E(Exception):\n    def __str__(self): return '\\ud800'", "E"),
        ("class E(Exception):\n    def __str__(self): return 3", "E"),
        ("class E(Exception):\n    def __str__(self): raise SystemExit(5)", "E"),
        ("class E(Exception):\n    def __repr__(self): raise SystemExit(5)", "E"),
        ("class E(Exception):\n    def __getattribute__(self, name): raise SystemExit(5)", "E"),
        ("class E(Exception):\n    __class__ = property(lambda self: 1 / 0)", "E"),
        ("class E(BaseException): pass", "E"),
        ("E = type('</script>', (Exception,), {})", "</script>"),
        ("E = type('x' * 10**6, (Exception,), {})", "x"),
        ("E = type('\\x1b[31m\\n', (Exception,), {})", ""),
        ("E = lambda: ExceptionGroup('two', [ValueError(1), KeyError(2)])", "ExceptionGroup"),
        ("E = KeyboardInterrupt", "KeyboardInterrupt"),
        ("E = GeneratorExit", "GeneratorExit"),
        ("E = StopIteration", "StopIteration"),
        ("import asyncio; E = asyncio.CancelledError", "CancelledError"),
        ("class E(Exception):\n    def __init__(self): self.add_note('n' * 10**8)", "E"),
        ("class E(Exception): __module__ = 3", "E"),
        ("class E(Exception): __module__ = __qualname__ = 'a.b'", ""),
    ],
)
def test_a_hostile_exception_is_an_exception_of_bounded_size(service, definition, begins):
    answer = service.execute(f"{definition}\ndef main():\n    print('before')\n    raise E()\n")

    assert answer.outcome == (400, "exception"), answer
    assert answer.error.startswith(begins), answer
    assert answer.stdout == "before\n"
    assert len(answer.error) <= MESSAGE_BYTES_MAX
    assert len(answer.json.get("traceback", "")) <= MESSAGE_BYTES_MAX


def test_an_exception_in_a_thread_is_not_mains(execute):
    script = (
        "import threading\ndef main():\n    t = threading.Thread(target=lambda: 1 / 0)\n"
        "    t.start(); t.join()\n    return 1\n"
    )

    assert execute(script).json == {"result": 1, "stdout": ""}


# D-4: exits.


@pytest.mark.both_modes
@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("sys.exit()", "0"),
        ("sys.exit(0)", "0"),
        ("sys.exit(3)", "3"),
        ("sys.exit(None)", "0"),
        ("sys.exit('message')", "message"),
        ("raise SystemExit(4)", "4"),
        ("raise SystemExit", "0"),
        ("exit(5)", "5"),
        ("quit(6)", "6"),
        ("os._exit(0)", "0"),
        ("os._exit(7)", "7"),
        ("os._exit(255)", "255"),
    ],
)
@pytest.mark.parametrize("place", ["import", "main"])
def test_an_exit_before_main_returned_is_told_with_its_code(execute, statement, told, place):
    script = (
        f"import os, sys\nprint('before')\n{statement if place == 'import' else ''}\n"
        f"def main():\n    {statement}\n"
    )
    answer = execute(script)

    assert answer.outcome == (400, "exit"), answer
    assert re.search(rf"\b{told}\b", answer.error), answer
    assert answer.stdout == "before\n"


def test_an_exit_of_a_thread_or_child_is_not_mains(execute):
    script = """import os, sys, threading
def main():
    t = threading.Thread(target=sys.exit); t.start(); t.join()
    if (pid := os.fork()) == 0: os._exit(9)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""
    assert execute(script).result == 9


def test_the_end_of_the_process_from_a_thread_is_an_exit(execute):
    script = (
        "import os, threading, time\ndef main():\n"
        "    threading.Thread(target=os._exit, args=(8,)).start()\n    time.sleep(60)\n"
    )
    answer = execute(script)

    assert answer.outcome == (400, "exit"), answer
    assert re.search(r"\b8\b", answer.error)


def test_a_forked_child_that_returns_from_main_is_not_the_job(execute):
    script = (
        "import os, time\ndef main():\n    if os.fork() == 0: return 'child'\n"
        "    time.sleep(0.3)\n    return 'parent'\n"
    )
    answer = execute(script)

    assert answer.status == 400 or answer.result in ("parent", "child"), answer


# D-6: signals.


@pytest.mark.both_modes
@pytest.mark.parametrize(
    ("statement", "names"),
    [
        (
            "os.abort()",
            ("SIGABRT", "SIGSEGV"),
        ),  # PID 1 of a namespace cannot die of a raised SIGABRT.
        ("ctypes.string_at(0)", ("SIGSEGV",)),
        ("ctypes.CFUNCTYPE(None)(0)()", ("SIGSEGV",)),
        ("ctypes.memset(id(main), 255, 4096); main()", ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL")),
    ],
    ids=["abort", "null read", "null call", "memory overwritten"],
)
def test_a_crash_names_its_signal(service, statement, names):
    answer = service.execute(
        f"import ctypes, os\ndef main():\n    print('before')\n    {statement}\n"
    )

    assert answer.outcome == (400, "signal"), answer
    assert any(name in answer.error for name in names), answer
    assert answer.stdout == "before\n"
    assert service.execute("def main(): return 'next'").result == "next"


def test_a_stack_overflow_in_c_names_its_signal(execute):
    script = """import sys
sys.setrecursionlimit(10**9)
class A:
    def __getattr__(self, name): return getattr(self, name + 'x')
def main():
    x = ()
    for _ in range(10**6): x = (x,)
    return repr(x)
"""
    answer = execute(script)

    assert answer.error_type in ("signal", "exception", "memory_limit"), answer


@pytest.mark.both_modes
@pytest.mark.parametrize(  # D-53
    "statement",
    [
        "os.kill(os.getpid(), 9)",
        "os.kill(os.getpid(), 15)",
        "os.kill(0, 9)",
        "os.kill(-1, 9)",
        "os.killpg(os.getpgid(0), 9)",
        "os.kill(os.getpid(), 19)",
        "signal.raise_signal(signal.SIGTERM)",
        "signal.pthread_kill(threading.get_ident(), 9)",
    ],
)
def test_a_signal_to_oneself_ends_the_job_or_nothing(service, tier, kernel, statement):
    script = (
        f"import os, signal, threading\ndef main():\n    try: {statement}\n"
        f"    except OSError: pass\n    return 'lives'\n"
    )
    answer = service.execute(script)

    # Where it is not PID 1 of its namespace, or that is no protection, it can stop itself, until
    # its time is over.
    is_protected = tier == "full" and kernel == "linux"
    stops = not is_protected and statement == "os.kill(os.getpid(), 19)"
    ends = (400, "time_limit") if stops else (400, "signal")
    assert answer.outcome == ends or answer.result == "lives", answer
    assert service.execute("def main(): return 'next'").result == "next"


def test_no_core_is_dumped(execute):  # D-6
    assert execute(
        "import resource\ndef main(): return resource.getrlimit(resource.RLIMIT_CORE)"
    ).result == [0, 0]


def test_an_uncaught_memory_error_is_the_memory_limit(execute):  # D-19
    answer = execute(raising("MemoryError('mine')"))

    assert answer.outcome == (400, "memory_limit"), answer
    assert answer.error.startswith("memory limit exceeded")
    assert answer.stdout == "before\n"


def test_warnings_are_not_errors(execute):
    assert execute("import warnings\ndef main():\n    warnings.warn('x')\n    return 1").json == {
        "result": 1,
        "stdout": "",
    }
