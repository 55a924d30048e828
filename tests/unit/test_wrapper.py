"""wrapper.py: what each way for a script to end is called, whatever it does to hide it."""

import subprocess
import sys

import native
import pytest

wrapper = native.load_wrapper()
PATH = "/tmp/script.py"
EXIT_BEFORE = "script called exit before main() returned, with code "


def run(text):
    """(value, fault) of a script; what it did to sys.modules is undone."""
    escaped = False
    try:
        return wrapper.run(text, PATH)
    except BaseException:  # Not shown: pytest cannot describe what wrapper.py could not.
        escaped = True
    finally:
        sys.modules.pop(wrapper.MODULE_NAME, None)
    assert not escaped, "run() raised"


def fault_of(text):
    value, fault = run(text)
    assert value is None and type(fault) is wrapper.Fault
    assert type(fault.message) is str and type(fault.traceback_text) is str
    return fault


def message_of(text, kind):
    fault = fault_of(text)
    assert fault.kind == kind, fault.message
    return fault.message


def test_mains_value_comes_back():
    assert run("def main(): return [1, 2]") == ([1, 2], None)


def test_main_may_be_anything_that_can_be_called():
    assert run("main = lambda: 1") == (1, None)
    assert run("class main:\n    def __new__(cls): return 2") == (2, None)
    assert run("import functools\nmain = functools.partial(int, '3')") == (3, None)


def test_main_may_be_a_coroutine():
    assert run("async def main(): return 4") == (4, None)
    assert message_of("async def main(): raise KeyError('k')", wrapper.EXCEPTION) == (
        "KeyError: 'k' (line 1)"
    )


def test_the_module_is_not_main_and_knows_its_file():
    assert run("x = (__name__, __file__)\ndef main(): return x") == (("script", PATH), None)


@pytest.mark.parametrize("text", ["", "x = 1", "main = 1", "def Main(): pass", "del __builtins__"])
def test_a_script_without_main_is_told_so(text):
    assert message_of(text, wrapper.NO_MAIN) == "script must define main()"


SYNTAX = [
    ("def main(:", "SyntaxError: invalid syntax (line 1)"),
    ("\n\n  x = 1", "SyntaxError: unexpected indent (line 3)"),
    ("def main():\n\treturn 1\n        return 2", None),
    ("return 1", "SyntaxError: 'return' outside function (line 1)"),
    ("x = '\0'", "SyntaxError: source code string cannot contain null bytes (line 1)"),
    ("(" * 300, None),
]
if sys.version_info >= (3, 11):  # Older ones crash: the guest's own end, told as a signal.
    SYNTAX += [("-" * 200_000 + "1", None), ("x = " + "1+" * 200_000 + "1", None)]


@pytest.mark.parametrize("text, message", SYNTAX, ids=range(len(SYNTAX)))
def test_what_does_not_compile_is_a_syntax_error_with_its_line(text, message):
    told = message_of(text, wrapper.SYNTAX_ERROR)
    assert told.startswith("SyntaxError: ") and told.endswith(")")
    assert message is None or told == message


def test_a_syntax_error_that_the_script_raises_itself_is_its_exception():
    told = message_of("def main(): compile('(', 'x', 'exec')", wrapper.EXCEPTION)
    assert told.startswith("SyntaxError: ")


EXCEPTIONS = [
    ("def main():\n    raise ValueError('boom')", "ValueError: boom (line 2)"),
    ("def main(): 1/0", "ZeroDivisionError: division by zero (line 1)"),
    ("def main(): raise KeyError", "KeyError (line 1)"),
    ("raise OSError(2, 'gone')", "FileNotFoundError: [Errno 2] gone (line 1)"),
    ("def main(a): pass", "TypeError: main() missing 1 required positional argument: 'a' (line 1)"),
    ("def f():\n  g()\ndef g():\n  raise OSError\nmain = f", "OSError (line 4)"),
    ("import json\ndef main(): json.loads('{')", None),
    ("def main(): raise KeyboardInterrupt", "KeyboardInterrupt (line 1)"),
    ("def main(): raise GeneratorExit('g')", "GeneratorExit: g (line 1)"),
    ("def main(): main()", "RecursionError: maximum recursion depth exceeded (line 1)"),
]


@pytest.mark.parametrize("text, message", EXCEPTIONS, ids=range(len(EXCEPTIONS)))
def test_an_exception_is_told_with_its_type_text_and_line(text, message):
    told = message_of(text, wrapper.EXCEPTION)
    assert "(line " in told
    assert message is None or told.startswith(message.rstrip(")").split(" (line")[0])
    assert message is None or told.endswith(message[message.index("(line") :])


def test_a_traceback_shows_the_scripts_lines_and_nobody_elses():
    fault = fault_of("import json\ndef main():\n    json.loads('{')")
    assert '"/tmp/script.py", line 3, in main' in fault.traceback_text
    assert "json/decoder.py" not in fault.traceback_text
    assert "wrapper" not in fault.traceback_text


def test_causes_contexts_and_groups_lose_foreign_lines_too():
    fault = fault_of(
        "import json\n"
        "def main():\n"
        "    try: json.loads('{')\n"
        "    except ValueError as error: raise KeyError('outer') from error\n"
    )
    assert "JSONDecodeError" in fault.traceback_text and "KeyError" in fault.traceback_text
    assert "decoder.py" not in fault.traceback_text


EXITS = [
    ("import sys\ndef main(): sys.exit()", EXIT_BEFORE + "0"),
    ("def main(): raise SystemExit(3)", EXIT_BEFORE + "3"),
    ("import sys\nsys.exit(True)", EXIT_BEFORE + "1"),
    ("import sys\nsys.exit('no input')", EXIT_BEFORE + "1: no input"),
    ("def main(): exit(-1)", EXIT_BEFORE + "-1"),
    ("def main(): raise SystemExit((1, 2))", EXIT_BEFORE + "1: (1, 2)"),
]


@pytest.mark.parametrize("text, message", EXITS, ids=range(len(EXITS)))
def test_an_exit_is_told_with_its_code(text, message):
    assert message_of(text, wrapper.EXIT) == message


def test_an_exit_whose_code_cannot_be_told_is_still_an_exit():
    for code in ("10**5000", "type('C', (int,), {'__int__': None, '__str__': None})(3)"):
        assert message_of(f"def main(): raise SystemExit({code})", wrapper.EXIT).startswith(
            "script called exit before main() returned"
        )


def test_a_memory_error_is_the_memory_limit():
    assert message_of("def main(): raise MemoryError", wrapper.MEMORY_LIMIT) == (
        "memory limit exceeded (line 1)"
    )
    assert message_of("def main(): raise MemoryError('x')", wrapper.MEMORY_LIMIT) == (
        "memory limit exceeded: x (line 1)"
    )


def test_a_fault_cannot_be_forged_by_raising_one_of_the_same_name():
    told = message_of("class Fault(Exception): kind = 0\ndef main(): raise Fault('f')",
                      wrapper.EXCEPTION)
    assert told == "Fault: f (line 2)"


# Exceptions that do all they can not to be described.

RAISE = "    raise {}\n"
HOSTILE = {
    "str raises": "class E(Exception):\n    def __str__(self): 1/0\n",
    "str is no str": "class E(Exception):\n    def __str__(self): return 7\n",
    "str is a subclass": (
        "class S(str):\n    def __getitem__(self, i): 1/0\n"
        "class E(Exception):\n    def __str__(self): return S('s')\n"
    ),
    "str exits": "class E(Exception):\n    def __str__(self): raise SystemExit(0)\n",
    "str recurses": "class E(Exception):\n    def __str__(self): return str(self)\n",
    "getattribute raises": (
        "class E(Exception):\n    def __getattribute__(self, name): raise SystemExit(name)\n"
    ),
    "traceback lies": "class E(Exception):\n    __traceback__ = property(lambda self: 1/0)\n",
    "cause lies": "class E(Exception):\n    __cause__ = property(lambda self: 1/0)\n",
    "class lies": "class E(Exception):\n    __class__ = property(lambda self: 1/0)\n",
    "name raises": (
        "class M(type):\n    __name__ = property(lambda cls: 1/0)\n"
        "class E(Exception, metaclass=M): pass\n"
    ),
    "name is no str": (
        "class M(type):\n    __name__ = property(lambda cls: 7)\n"
        "class E(Exception, metaclass=M): pass\n"
    ),
    "metaclass raises": (
        "class M(type):\n    def __getattribute__(cls, name): 1/0\n"
        "class E(Exception, metaclass=M): pass\n"
    ),
    "qualname lies": "class E(Exception): pass\nE.__qualname__ = 'x' * 10**6\n",
    "exit code raises": (
        "class E(SystemExit):\n    code = property(lambda self: 1/0)\n"
    ),
    "group lies": "class E(Exception):\n    exceptions = property(lambda self: 1/0)\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_exception_that_resists_description_is_a_fault_all_the_same(name):
    fault = fault_of(HOSTILE[name] + "def main():\n    raise E('text')\n")
    assert fault.kind in (wrapper.EXCEPTION, wrapper.EXIT)
    assert fault.message


def test_a_text_of_megabytes_is_cut():
    fault = fault_of("def main(): raise ValueError('x' * 10**7)")
    assert len(fault.message) < wrapper.MESSAGE_CHARACTERS_MAX + 100


def test_a_long_chain_of_exceptions_keeps_its_message():
    fault = fault_of(
        "def main():\n"
        "    error = None\n"
        "    for i in range(5000):\n"
        "        new = ValueError(i)\n"
        "        new.__context__ = error\n"
        "        error = new\n"
        "    raise error\n"
    )
    assert fault.message == "ValueError: 4999 (line 7)"


def test_a_loop_of_exceptions_ends():
    fault = fault_of(
        "def main():\n"
        "    a, b = ValueError('a'), ValueError('b')\n"
        "    a.__cause__, b.__cause__ = b, a\n"
        "    raise a\n"
    )
    assert fault.message == "ValueError: a (line 4)"


def test_what_the_script_breaks_of_the_library_hides_no_message():
    for broken in ("traceback.TracebackException = None", "traceback.StackSummary = None"):
        told = message_of(f"import traceback\ndef main():\n    x = traceback\n    import types\n"
                          f"    keep = (x.TracebackException, x.StackSummary)\n"
                          f"    {broken}\n"
                          f"    raise ValueError('told')", wrapper.EXCEPTION)
        import importlib
        import traceback

        importlib.reload(traceback)
        assert told == "ValueError: told (line 7)"


def test_decode_drops_one_byte_order_mark_and_minds_no_coding_line():
    assert wrapper.decode(b"\xef\xbb\xbfx = 1") == "x = 1"
    assert wrapper.decode("# coding: latin-1\n'é'".encode()) == "# coding: latin-1\n'é'"
    with pytest.raises(UnicodeDecodeError):
        wrapper.decode(b"\xff")


def by_hand(tmp_path, text):
    (tmp_path / "script.py").write_text(text, encoding="utf-8")
    return subprocess.run(
        [sys.executable, native.LIBRARY / "wrapper.py", "script.py", "result.json"],
        cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False,
    )


def test_called_as_a_program_it_writes_the_value(tmp_path):
    done = by_hand(tmp_path, "def main():\n    print('out')\n    return {'a': 1}\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "out\n", "")
    assert (tmp_path / "result.json").read_text(encoding="utf-8") == '{"a": 1}'


def test_called_as_a_program_it_says_what_is_wrong_and_writes_nothing(tmp_path):
    done = by_hand(tmp_path, "x = 1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "script must define main()\n"
    assert not (tmp_path / "result.json").exists()
