"""The script shares its interpreter with the runner: what it may patch, write and forge."""

import json

import pytest

# D-7: the runner does not depend on what the script can patch.


@pytest.mark.both_modes
@pytest.mark.parametrize(
    "patch",
    [
        "import json\njson.dumps = json.dump = json.JSONEncoder.encode = lambda *a, **k: 'evil'",
        "import json.encoder\n"
        "json.encoder.c_make_encoder = json.encoder.encode_basestring_ascii = None",
        "import sys\nsys.modules['json'] = sys.modules['os'] = sys.modules['struct'] = None",
        "import builtins\nbuiltins.print = lambda *a, **k: 1 / 0",
        "import sys\nsys.stdout = None",
        "import sys\nsys.stdout = sys.stderr = sys.stdin = object()",
        "import sys\nsys.settrace(lambda *a: 1 / 0) if False else sys.setprofile(None)",
        "import os\nos.write = os.read = os.close = os.fsync = lambda *a: 1 / 0",
        "import os\nos._exit = lambda *a: None",
        "import builtins\nbuiltins.open = builtins.repr = builtins.str = lambda *a, **k: 'evil'",
        "import sys\nsys.exit = sys.excepthook = sys.displayhook = None",
        "import traceback\ntraceback.format_exception = traceback.print_exc = None",
        "import gc\ngc.disable()\ngc.set_threshold(0)",
        "import sys\nsys.modules.clear()",
        "import sys\nsys.path.clear(); sys.meta_path.clear(); sys.path_hooks.clear()",
    ],
)
def test_a_patched_interpreter_still_gives_the_right_value(execute, patch):
    answer = execute(f"{patch}\ndef main():\n    return {{'a': [1, 2.5, 'x', None, True]}}\n")

    assert answer.json == {"result": {"a": [1, 2.5, "x", None, True]}, "stdout": ""}


@pytest.mark.parametrize(
    "patch",
    [
        "import builtins\n"
        "for n in 'len isinstance type dict list float int callable getattr'.split():\n"
        "    setattr(builtins, n, lambda *a, **k: 1 / 0)",
        "import sys\nsys.settrace(lambda *a: 1 / 0)",
        "import builtins\nvars(builtins).clear()",
        "import sys\nf = sys._getframe()\nwhile f:\n"
        "    f.f_globals.update(main=None, json=None, os=None)\n    f = f.f_back",
        "import gc\nfor o in gc.get_objects():\n"
        "    if type(o) is dict and 'result' in o: o['result'] = 'forged'",
        "import sys\nsys.setrecursionlimit(60)",
    ],
    ids=[
        "builtins that raise",
        "trace function",
        "no builtins",
        "runner's globals",
        "hunting in memory",
        "recursion limit",
    ],
)
def test_a_broken_interpreter_gives_the_value_or_a_fault(service, patch):
    answer = service.execute(f"{patch}\ndef main():\n    return 1\n")

    assert answer.status == 400 or answer.result == 1, answer
    assert service.execute("def main():\n    return 1\n").result == 1


# D-1, D-2: the result's descriptor is in reach of the script; what comes through is not believed.

FORGERIES = [
    rb'{"result":"forged"}',
    b'{"result":"forged","stdout":""}\n',
    b'"forged"',
    b'\x08\x00\x00\x00"forged"',
    b'\x00\x00\x00\x08"forged"',
    b'\x08\x00\x00\x00\x00\x00\x00\x00"forged"',
    b"\xff\xff\xff\xff" * 4,
    b"\xff\xff\xff\x7f",
    b"\0" * 64,
    b"R",
    b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n"forged"',
]

SCAN = """
import os
def main():
    for fd in range(3, 256):
        try:
            os.set_blocking(fd, False)
            os.write(fd, FORGERY)
        except OSError:
            pass
    ENDING
"""


@pytest.mark.parametrize("ending", ["return 1", "os._exit(0)"], ids=["then returns", "then exits"])
@pytest.mark.parametrize("forgery", FORGERIES, ids=range(len(FORGERIES)))
def test_garbage_on_every_descriptor_forges_nothing(service, forgery, ending):
    answer = service.execute(SCAN.replace("FORGERY", repr(forgery)).replace("ENDING", ending))

    assert answer.status in (200, 400), answer
    if answer.status == 200:
        assert ending == "return 1" and answer.result == 1, answer
    else:
        assert answer.error_type in ("not_json", "exit", "exception"), answer
    assert "forged" not in json.dumps(answer.json)
    assert service.execute("def main(): return 'next'").result == "next"


def test_a_flood_on_every_descriptor_wedges_nothing(service):  # D-2
    flood = "[0]; [os.write(fd, b'x' * 65536) for _ in range(400)]"
    answer = service.execute(SCAN.replace("FORGERY", "b''" + flood).replace("ENDING", "return 1"))

    assert answer.status == 400 or answer.result == 1, answer
    assert service.execute("def main(): return 'next'").result == "next"


def test_closing_every_descriptor_is_a_fault_or_harmless(service):
    answer = service.execute("import os\ndef main():\n    os.closerange(3, 256)\n    return 1\n")

    assert answer.outcome in ((200, None), (400, "exit")), answer
    assert service.execute("def main(): return 'next'").result == "next"
