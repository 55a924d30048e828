"""What main() may return and how it arrives; what is not JSON and how that is said."""

import pytest


def returning(expression, imports=""):
    return f"{imports}\ndef main():\n    return {expression}\n"


def refusal(execute, script):
    """The error of a script whose value is not JSON."""
    answer = execute(script)
    assert answer.outcome == (400, "not_json"), answer
    assert answer.error.startswith("main() returned a non-JSON-serializable value"), answer
    return answer.error


@pytest.mark.both_modes
@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -1,
        "",
        "text",
        "é ü 漢 \U0001f600",
        '\u2028\u2029\x7f\x80\x01\t\r\n"\\/',
        [],
        {},
        [[], {}, [None]],
        {"": 1, "a b": [1, {"ü": None}], "\u0000": "\u0000"},
        0.1,
        1e308,
        5e-324,
        1.0,
    ],
)
def test_a_json_value_arrives_as_it_was(execute, value):
    assert execute(returning(repr(value))).result == value


@pytest.mark.parametrize(  # D-10
    ("expression", "text"),
    [
        ("2**200", str(2**200)),
        ("2**64", str(2**64)),
        ("-(2**63)", str(-(2**63))),
        ("-(2**63) - 1", str(-(2**63) - 1)),
        ("2**53 + 1", "9007199254740993"),
        ("10**4000", "1" + "0" * 4000),
        ("10**4299", "1" + "0" * 4299),
        ("-0.0", "-0.0"),
        ("1e16", "1e+16"),
        ("1e-7", "1e-07"),
        ("0.1 + 0.2", "0.30000000000000004"),
        ("123456789.123456789", "123456789.12345679"),
    ],
)
def test_digits_are_untouched(execute, expression, text):
    answer = execute(returning(expression))

    assert answer.status == 200, answer
    assert answer.raw.replace(b" ", b"").startswith(b'{"result":' + text.encode() + b","), answer


def test_an_int_above_4300_digits_is_refused(execute):  # D-10
    assert "$" in refusal(execute, returning("10**4300"))
    assert "$.n[1]" in refusal(execute, returning('{"n": [0, 10**5000]}'))


def test_an_int_above_4300_digits_arrives_where_the_script_allows_it(execute):  # D-10
    answer = execute(returning("7 * 10**20000", "import sys\nsys.set_int_max_str_digits(0)"))

    assert answer.result == 7 * 10**20000


@pytest.mark.both_modes
@pytest.mark.parametrize(  # D-8
    ("expression", "path"),
    [
        ("float('nan')", "$"),
        ("float('inf')", "$"),
        ("float('-inf')", "$"),
        ("[1.0, float('nan')]", "$[1]"),
        ("{'rows': [1, 2, 3, {'x': float('inf')}]}", "$.rows[3].x"),
        ("{'a b': [float('nan')]}", '$["a b"][0]'),
        ("({'x': (0, float('-inf'))},)", "$[0].x[1]"),
        ("__import__('numpy').float64('nan')", "$"),
    ],
)
def test_nan_and_infinity_are_refused_with_their_path(execute, expression, path):
    assert path in refusal(execute, returning(expression))


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])  # D-8
def test_a_key_that_is_not_a_json_number_never_becomes_a_bare_token(execute, number):
    answer = execute(returning(f"{{float('{number}'): 1}}"))

    assert answer.outcome in ((200, None), (400, "not_json")), answer


def test_a_string_that_looks_like_trouble_is_only_a_string(execute):  # D-9
    assert execute(returning(r'"NaN is not Infinity \u0000"')).result == "NaN is not Infinity \0"


# D-11

NESTED = """
def main():
    value = 0
    for _ in range({levels}):
        value = {shape}
    return value
"""


def depth(value):
    levels = 0
    while isinstance(value, (list, dict)):
        value = value[0] if isinstance(value, list) else value["k"]
        levels += 1
    return levels


@pytest.mark.parametrize("shape", ["[value]", "(value,)", '{"k": value}'])
@pytest.mark.parametrize("levels", [900, 1000])
def test_a_value_nested_as_deep_as_the_limit_arrives(execute, shape, levels):
    answer = execute(NESTED.format(levels=levels, shape=shape))

    assert answer.status == 200, answer
    assert depth(answer.result) == levels


@pytest.mark.parametrize("shape", ["[value]", "(value,)", '{"k": value}'])
@pytest.mark.parametrize("levels", [1001, 100_000])
def test_a_value_nested_deeper_than_the_limit_is_refused(execute, shape, levels):
    assert "nested too deeply" in refusal(execute, NESTED.format(levels=levels, shape=shape))


@pytest.mark.parametrize(
    "script",
    [
        "def main():\n    a = []\n    a.append(a)\n    return a",
        "def main():\n    a = {}\n    a['a'] = [a]\n    return a",
    ],
    ids=["list", "dict"],
)
def test_a_value_that_contains_itself_is_refused(execute, script):
    refusal(execute, script)


def test_a_value_met_twice_is_no_cycle(execute):
    assert execute("def main():\n    a = [1]\n    return [a, a, {'a': a}]").result == [
        [1],
        [1],
        {"a": [1]},
    ]


@pytest.mark.parametrize(  # D-12
    ("expression", "path"),
    [
        (r"'\ud800'", "$"),
        (r"['ok', 'a\udfffb']", "$[1]"),
        (r"{'k': '\udc80'}", "$.k"),
        (r"{'\ud800': 1}", "$"),
        (r"{'k': {'\ud800': 1}}", "$.k"),
    ],
)
def test_a_lone_surrogate_is_refused_with_its_path(execute, expression, path):
    assert path in refusal(execute, returning(expression))


# D-13


@pytest.mark.both_modes
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("{1: 'a'}", {"1": "a"}),
        ("{1.5: 'a', -0.5: 'b'}", {"1.5": "a", "-0.5": "b"}),
        ("{True: 1, False: 0}", {"true": 1, "false": 0}),
        ("{None: 1}", {"null": 1}),
        ("{2**70: 1}", {str(2**70): 1}),
    ],
)
def test_keys_are_converted_as_pythons_json_does(execute, expression, expected):
    assert execute(returning(expression)).result == expected


@pytest.mark.parametrize(
    ("expression", "path"),
    [
        ("{1: 'a', '1': 'b'}", "$"),
        ("{1: 'a', '1': 'b', True: 'c'}", "$"),
        ("{'x': [{None: 1, 'null': 2}]}", "$.x[0]"),
        ("{1.0: 1, '1.0': 2}", "$"),
        ("{True: 1, 'true': 2}", "$"),
    ],
)
def test_two_keys_that_become_equal_are_refused_with_their_path(execute, expression, path):
    assert path in refusal(execute, returning(expression))


@pytest.mark.parametrize("key", ["(1, 2)", "b'x'", "frozenset()", "1j", "object()"])
def test_a_key_of_another_type_is_refused(execute, key):
    refusal(execute, returning(f"{{'a': {{{key}: 1}}}}"))


# D-14

NUMPY = "import numpy as np, pandas as pd, datetime, decimal, collections"


@pytest.mark.both_modes
@pytest.mark.parametrize(
    ("expression", "type_name", "remedy"),
    [
        ("{1, 2}", "set", "list("),
        ("frozenset({1})", "frozenset", "list("),
        ("b'x'", "bytes", ".decode()"),
        ("bytearray(b'x')", "bytearray", ".decode()"),
        ("1j", "complex", ""),
        ("datetime.datetime(2020, 1, 2)", "datetime", ".isoformat()"),
        ("datetime.date(2020, 1, 2)", "date", ".isoformat()"),
        ("decimal.Decimal('1.10')", "Decimal", "str("),
        ("np.int64(3)", "int64", ".item()"),
        ("np.float32(3)", "float32", ".item()"),
        ("np.bool_(True)", "bool", ".item()"),
        ("np.array([1, 2])", "ndarray", ".tolist()"),
        ("np.zeros((2, 2))", "ndarray", ".tolist()"),
        ("pd.DataFrame({'a': [1]})", "DataFrame", ".to_dict()"),
        ("pd.Series([1])", "Series", ".to_dict()"),
        ("pd.Timestamp('2020-01-02')", "Timestamp", ".isoformat()"),
        ("pd.NaT", "NaT", ""),
        ("pd.NA", "NA", ""),
        ("(i for i in [1])", "generator", ""),
        ("range(3)", "range", ""),
        ("{}.keys()", "dict_keys", ""),
        ("collections.deque([1])", "deque", ""),
        ("object()", "object", ""),
        ("Ellipsis", "ellipsis", ""),
        ("len", "builtin_function_or_method", ""),
        ("int", "type", ""),
        ("json_module", "module", ""),
    ],
)
def test_a_value_that_is_not_json_is_refused_by_type_path_and_remedy(
    execute, expression, type_name, remedy
):
    imports = NUMPY + "\nimport json as json_module"
    error = refusal(execute, returning(f"{{'rows': [0, {{'x': {expression}}}]}}", imports))

    assert type_name in error
    assert "$.rows[1].x" in error
    assert remedy in error


def test_a_coroutine_inside_a_value_is_refused(execute):
    error = refusal(execute, "async def inner(): pass\ndef main():\n    return [inner()]\n")

    assert "coroutine" in error and "$[0]" in error


def test_an_object_is_not_turned_into_its_attributes(execute):
    error = refusal(
        execute,
        "class Point:\n    def __init__(self): self.x = 1\ndef main():\n    return Point()\n",
    )

    assert "Point" in error


def test_the_remedies_work(execute):  # The positive control of the refusals above.
    script = f"""
{NUMPY}
def main():
    return [
        sorted({{2, 1}}), b"x".decode(), datetime.date(2020, 1, 2).isoformat(),
        float(decimal.Decimal("1.5")), str(decimal.Decimal("1.10")), np.int64(3).item(),
        np.array([1, 2]).tolist(), pd.DataFrame({{"a": [1]}}).to_dict("list"),
    ]
"""
    assert execute(script).result == [[1, 2], "x", "2020-01-02", 1.5, "1.10", 3, [1, 2], {"a": [1]}]


def test_a_type_name_that_is_an_attack_is_only_text(execute):
    error = refusal(execute, "def main():\n    return type('</script>' * 100_000, (), {})()\n")

    assert len(error) < 10_000


# D-79: by value, and no code of the script's runs while its value is written.

EVIL = """
from collections import *
import enum, sys

def evil(*_, **__):
    print("user code ran")
    sys.exit("user code ran")

def make(base, *arguments):
    names = ("__repr__ __str__ __format__ __iter__ __len__ __getitem__ __contains__ __eq__ "
             "__bool__ __int__ __float__ __index__ __hash__ __reduce__ __class_getitem__ "
             "keys items values encode").split()
    return type("Evil", (base,), {name: evil for name in names})(*arguments)

class Colour(enum.IntEnum):
    RED = 3

def main():
    return EXPRESSION
"""


@pytest.mark.both_modes
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("make(int, 3)", 3),
        ("make(float, 3.5)", 3.5),
        ("make(str, 'ok')", "ok"),
        ("make(list, [1, 2])", [1, 2]),
        ("make(tuple, [1, 2])", [1, 2]),
        ("make(dict, [('a', 1)])", {"a": 1}),
        ("[make(list, [make(dict, [('a', make(int, 1))])])]", [[{"a": 1}]]),
        ("OrderedDict(b=1, a=2)", {"b": 1, "a": 2}),
        ("defaultdict(list, a=[1])", {"a": [1]}),
        ("Counter('aab')", {"a": 2, "b": 1}),
        ("namedtuple('P', 'x y')(1, 2)", [1, 2]),
        ("Colour.RED", 3),
        ("{Colour.RED: 1}", {"3": 1}),
    ],
)
def test_a_subclass_is_written_by_its_base_value(execute, expression, expected):
    answer = execute(EVIL.replace("EXPRESSION", expression))

    assert answer.json == {"result": expected, "stdout": ""}


def test_numpys_float64_is_a_float(execute):  # D-14
    assert execute(returning("[np.float64(0.5), np.str_('a')]", NUMPY)).result == [0.5, "a"]


@pytest.mark.parametrize(  # D-13, D-15: containers that lie about themselves.
    ("body", "expected"),
    [
        ("class D(dict):\n    def items(self): return [('k', 1)] * 3\nvalue = D(a=1)", {"a": 1}),
        ("class D(dict):\n    def __len__(self): return 10**18\nvalue = D(a=1)", {"a": 1}),
        (
            "class L(list):\n    def __iter__(self):\n        while True: yield 1\nvalue = L([1])",
            [1],
        ),
        ("class L(list):\n    def __len__(self): return -1\nvalue = L([1])", [1]),
    ],
    ids=["items", "dict length", "endless", "list length"],
)
def test_a_container_that_lies_is_written_by_what_it_holds(execute, body, expected):
    assert execute(f"{body}\ndef main():\n    return value\n").result == expected


# D-15: 10 MiB of JSON.

RESULT_BYTES_MAX = 10 * 2**20


def test_a_result_of_exactly_the_limit_arrives(execute):
    answer = execute(returning(f"'x' * {RESULT_BYTES_MAX - 2}"))

    assert len(answer.result) == RESULT_BYTES_MAX - 2


@pytest.mark.parametrize(
    "expression",
    [
        f"'x' * {RESULT_BYTES_MAX - 1}",
        "'x' * 200_000_000",
        "[0] * 20_000_000",
        "['x' * 1_000_000] * 100_000",
        r"'\0' * 8_000_000",
    ],
    ids=["one byte past", "200 MB string", "long list", "one string often", "escapes"],
)
def test_a_result_past_the_limit_is_an_error_and_not_a_cut(execute, expression):
    answer = execute("def main():\n    print('before')\n    return " + expression)

    assert answer.outcome == (400, "result_too_large"), answer
    assert answer.stdout == "before\n"


# D-16: what may be called main.


@pytest.mark.both_modes
@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("async def main():\n    import asyncio\n    await asyncio.sleep(0.001)\n    return 1", 1),
        ("def main(x=2, *a, **k): return x", 2),
        ("main = lambda: 3", 3),
        ("main = dict", {}),
        ("class main(dict): pass", {}),
        ("class C:\n    def __call__(self): return 4\nmain = C()", 4),
        ("class C:\n    async def __call__(self): return 5\nmain = C()", 5),
        ("import functools\nmain = functools.partial(pow, 2, 3)", 8),
        ("import functools\nasync def f(x): return x\nmain = functools.partial(f, 9)", 9),
        ("exec('def main(): return 10')", 10),
        ("globals()['main'] = lambda: 11", 11),
        ("from os import getpid as main", None),
        ("class C:\n    @staticmethod\n    def main(): return 12\nmain = C.main", 12),
        ("class C:\n    def run(self): return 13\nmain = C().run", 13),
        ("import functools\n@functools.lru_cache\ndef main(): return 14", 14),
        ("import asyncio\ndef main(): return asyncio.run(f())\nasync def f(): return 15", 15),
        ("import asyncio\ndef main():\n    async def f(): return 16\n    return f()", 16),
        ("def main(): return 17\ndef main(): return 18", 18),
    ],
)
def test_any_callable_named_main_is_called(execute, script, expected):
    result = execute(script).result

    assert result == expected if expected is not None else isinstance(result, int)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("def main(x): pass", "TypeError"),
        ("from math import sqrt as main", "TypeError"),
        ("def no(f): raise KeyError('decorated')\n@no\ndef main(): pass", "KeyError"),
        ("async def main(): raise ValueError('awaited')", "ValueError: awaited (line 1)"),
    ],
)
def test_a_main_that_cannot_be_called_so_raises(execute, script, error):
    answer = execute(script)

    assert answer.outcome == (400, "exception"), answer
    assert answer.error.startswith(error)


def test_a_generator_is_not_run(execute):
    assert "generator" in refusal(execute, "def main():\n    yield 1\n")


@pytest.mark.both_modes
@pytest.mark.parametrize(  # D-16, D-17
    "script",
    [
        "",
        "x = 1",
        "# def main(): pass",
        "'''def main(): return 1'''",
        "if False:\n    def main(): return 1",
        "if __name__ == '__main__':\n    def main(): return 1",
        "class A:\n    def main(self): return 1",
        "def Main(): return 1",
        "main = None",
        "main = 3",
        "main = 'def main(): pass'",
        "def main(): return 1\ndel main",
    ],
)
def test_a_script_without_a_callable_main_is_told_so(execute, script):
    answer = execute(script)

    assert answer.outcome == (400, "no_main"), answer
    assert answer.error.startswith("script must define main()")


def test_what_ran_before_a_missing_main_is_in_stdout(execute):
    assert execute("print('imported')").stdout == "imported\n"


# D-3: the answer is frozen when main() returns.


@pytest.mark.both_modes
@pytest.mark.parametrize(
    "late",
    [
        "import atexit\natexit.register(print, 'late')",
        "import weakref\nclass C: pass\nc = C()\nweakref.finalize(c, print, 'late')",
        "class C:\n    def __del__(self): print('late')\nc = C()",
        "import atexit, os\natexit.register(os._exit, 9)",
        "import atexit, time\natexit.register(time.sleep, 100)",
        "import threading, time\n"
        "threading.Thread(target=lambda: (time.sleep(0.5), print('late'))).start()",
    ],
    ids=["atexit", "finalize", "__del__", "exit code", "sleeping", "thread"],
)
def test_what_would_happen_after_main_does_not(execute, late):
    answer = execute(f"{late}\ndef main():\n    print('now')\n    return 'value'\n")

    assert answer.json == {"result": "value", "stdout": "now\n"}
    assert answer.seconds < 3
