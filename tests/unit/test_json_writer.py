"""The extension's JSON writer: as Python's json module, and strict where that is not."""

import collections
import datetime
import decimal
import enum
import fractions
import json
import math
import pathlib
import random
import struct
import sys
import types
import uuid

import native
import pytest

encode_json = native.load_extension().encode_json
WRITTEN, NOT_JSON = 0, 1
DEPTH_MAX = 1000


def text_of(value):
    ending, text = encode_json(value)
    assert ending == WRITTEN, text
    return text.decode("utf-8")


def refusal_of(value):
    ending, text = encode_json(value)
    assert ending == NOT_JSON, text
    return text.decode("utf-8")


def nested(depth):
    value = []
    for _ in range(depth - 1):
        value = [value]
    return value


# What is written.

PLAIN = [
    (None, "null"),
    (True, "true"),
    (False, "false"),
    (0, "0"),
    (-1, "-1"),
    (2**63 - 1, "9223372036854775807"),
    (-(2**63), "-9223372036854775808"),
    (2**63, "9223372036854775808"),
    (-(2**63) - 1, "-9223372036854775809"),
    (10**4000, "1" + "0" * 4000),
    (0.0, "0.0"),
    (-0.0, "-0.0"),
    (0.1, "0.1"),
    (1e16, "1e+16"),
    (5e-324, "5e-324"),
    (sys.float_info.max, "1.7976931348623157e+308"),
    ("", '""'),
    ('"\\/\b\f\n\r\t\x00\x1f\x7f', '"\\"\\\\/\\u0008\\u000c\\n\\r\\t\\u0000\\u001f\x7f"'),
    ("é€😀\u2028", '"é€😀\u2028"'),
    ([], "[]"),
    ((), "[]"),
    ({}, "{}"),
    ([1, (2, [])], "[1,[2,[]]]"),
    ({"b": 1, "a": {"": None}}, '{"b":1,"a":{"":null}}'),
    ({1: 1, None: 2, False: 3, 1.5: 4, -(10**20): 5}, None),
    (collections.OrderedDict(a=1), '{"a":1}'),
    (collections.namedtuple("P", "x y")(1, 2), "[1,2]"),
    (collections.defaultdict(list, a=[1]), '{"a":[1]}'),
    (enum.IntEnum("E", "A B").B, "2"),
]


@pytest.mark.parametrize("value, text", PLAIN, ids=lambda value: repr(value)[:30])
def test_a_value_is_written_as_its_json(value, text):
    text = text if text is not None else json.dumps(value, separators=(",", ":"))
    assert text_of(value) == text


def random_value(rng, depth):
    kind = rng.randrange(9 if depth > 0 else 6)
    if kind == 0:
        return rng.choice([None, True, False])
    if kind == 1:
        return rng.randrange(-(2 ** rng.randrange(1, 200)), 2 ** rng.randrange(1, 200))
    if kind == 2:
        number = struct.unpack("<d", rng.randbytes(8))[0]
        return number if math.isfinite(number) else 0.0
    if kind in (3, 4, 5):
        return random_text(rng)
    items = [random_value(rng, depth - 1) for _ in range(rng.randrange(6))]
    if kind == 6:
        return items
    if kind == 7:
        return tuple(items)
    return {random_text(rng): item for item in items}


def random_text(rng):
    top = rng.choice([0x20, 0x80, 0x800, 0x10000, 0x110000])
    points = (rng.randrange(top) for _ in range(rng.randrange(12)))
    return "".join(chr(point) for point in points if not 0xD800 <= point < 0xE000)


def as_json_sees_it(value):
    if isinstance(value, dict):
        return {key: as_json_sees_it(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json_sees_it(item) for item in value]
    return value


@pytest.mark.parametrize("seed", range(20))
def test_random_values_read_back_as_they_were_and_match_pythons_json(seed):
    rng = random.Random(seed)
    for _ in range(200):
        value = random_value(rng, 5)
        text = text_of(value)
        assert json.loads(text) == as_json_sees_it(value)
        short = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        for character, escape in (("\\b", "\\u0008"), ("\\f", "\\u000c")):
            short = short.replace("\\\\", "\0").replace(character, escape).replace("\0", "\\\\")
        assert text == short


def test_a_float_reads_back_as_the_same_bits():
    rng = random.Random(7)
    for _ in range(20_000):
        raw = rng.randbytes(8)
        number = struct.unpack("<d", raw)[0]
        if math.isfinite(number):
            assert struct.pack("<d", json.loads(text_of(number))) == raw


def test_a_value_used_twice_is_written_twice():
    shared = [1]
    assert text_of([shared, {"a": shared}]) == '[[1],{"a":[1]}]'


def test_a_large_value_is_written():
    value = {"text": "é" * 1_000_000, "numbers": list(range(200_000))}
    assert json.loads(text_of(value)) == value


# What is refused, where and what to do instead.


def of_type(name, module="somewhere"):
    return type(name, (), {"__module__": module})()


REFUSED = [
    (math.nan, "NaN, which JSON does not have at $"),
    ([math.inf], "an infinite float, which JSON does not have at $[0]"),
    ({"a": -math.inf}, "an infinite float, which JSON does not have at $.a"),
    ("\ud800", "a str with a lone surrogate, which is not Unicode text at $"),
    ({"\udfff": 1}, "a str with a lone surrogate, which is not Unicode text at $"),
    ({1, 2}, "set at $; use sorted() or list()"),
    (frozenset(), "frozenset at $; use sorted() or list()"),
    (b"x", "bytes at $; use .decode()"),
    (bytearray(b"x"), "bytearray at $; use .decode()"),
    (datetime.datetime(2024, 1, 1), "datetime at $; use .isoformat()"),
    (datetime.date(2024, 1, 1), "date at $; use .isoformat()"),
    (decimal.Decimal(1), "Decimal at $; use float() or str()"),
    (fractions.Fraction(1), "Fraction at $; use float() or str()"),
    (1j, "complex at $; use [z.real, z.imag]"),
    ((x for x in ()), "generator at $; use list()"),
    (range(3), "range at $; use list()"),
    ({}.keys(), "dict_keys at $; use list()"),
    (zip(), "zip at $; use list()"),
    (uuid.UUID(int=1), "UUID at $; use str()"),
    (pathlib.Path("/"), "PosixPath at $; use str()"),
    (of_type("ndarray", "numpy"), "ndarray at $; use .tolist()"),
    (of_type("int64", "numpy"), "int64 at $; use .item()"),
    (of_type("DataFrame", "pandas.core.frame"), "DataFrame at $; use .to_dict()"),
    (of_type("NAType", "pandas._libs.missing"), "NAType at $; use None"),
    (of_type("Index", "pandas.core"), "Index at $; use .tolist() or .to_dict()"),
    (of_type("ndarray", "numpyish"), "ndarray at $"),
    (of_type("Thing"), "Thing at $"),
    (object(), "object at $"),
    (len, "builtin_function_or_method at $"),
    (types, "module at $"),
    (int, "type at $"),
    ({"a": [1, {"b c": ({2},)}]}, 'set at $.a[1]["b c"][0]; use sorted() or list()'),
    ({"0a": {1}}, 'set at $["0a"]; use sorted() or list()'),
    ({"": {1}}, 'set at $[""]; use sorted() or list()'),
    ({1: {1}}, 'set at $["1"]; use sorted() or list()'),
    ({"a": {(1, 2): 3}}, "a dict key of type tuple at $.a; use str()"),
    ({b"a": 1}, "a dict key of type bytes at $; use str()"),
    ({math.nan: 1}, "NaN, which JSON does not have at $"),
    ({1: 1, "1": 2}, 'a dict with two keys that are the same in JSON ("1") at $'),
    ([{None: 1, "null": 2}], 'a dict with two keys that are the same in JSON ("null") at $[0]'),
    ({True: 1, "true": 2}, 'a dict with two keys that are the same in JSON ("true") at $'),
]


@pytest.mark.parametrize("value, message", REFUSED, ids=[message[:40] for _, message in REFUSED])
def test_what_json_lacks_is_refused_with_its_place_and_a_remedy(value, message):
    assert refusal_of(value) == message


def test_a_long_key_is_shortened_in_the_path_and_stays_valid_text():
    for key in ("k" * 5000, "é" * 5000, "a b" * 5000, "\n" * 5000, '"' * 5000, "😀" * 5000):
        message = refusal_of({key: {1}})
        assert message.startswith("set at $[") and len(message) < 200, message


def test_a_type_with_a_name_too_long_or_strange_is_still_named():
    assert refusal_of(of_type("T" * 5000)).startswith("TTTT")
    assert len(refusal_of(of_type("T" * 5000))) < 200
    assert refusal_of(of_type("Ünï")) == "Ünï at $"
    assert refusal_of(of_type("Thing", module=None)) == "Thing at $"


def test_depth_is_bounded_where_python_gives_up_too():
    assert text_of(nested(DEPTH_MAX)) == "[" * DEPTH_MAX + "]" * DEPTH_MAX
    message = refusal_of(nested(DEPTH_MAX + 1))
    assert message.startswith("a value nested too deeply (more than 1000 levels) at $[0][0]")
    assert refusal_of(nested(100_000)).startswith("a value nested too deeply")
    dicts = 1
    for _ in range(DEPTH_MAX):
        dicts = {"a": dicts}
    assert text_of(dicts).count("{") == DEPTH_MAX
    assert refusal_of({"a": dicts}).startswith("a value nested too deeply")


def test_a_scalar_may_stand_below_the_deepest_list():
    value = 1
    for _ in range(DEPTH_MAX):
        value = [value]
    assert text_of(value)


def test_a_value_that_holds_itself_is_refused():
    own_list = []
    own_list.append(own_list)
    own_dict = {}
    own_dict["me"] = own_dict
    assert "nested too deeply" in refusal_of(own_list)
    assert "nested too deeply" in refusal_of(own_dict)


@pytest.fixture
def limit_of_digits():
    if not hasattr(sys, "get_int_max_str_digits"):
        pytest.skip("this Python has no limit of digits")
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(4300)  # The default, which the environment may have changed.
    yield 4300
    sys.set_int_max_str_digits(before)


def test_an_integer_past_pythons_limit_of_digits_is_refused(limit_of_digits):
    limit = limit_of_digits
    assert len(text_of(10 ** (limit - 1))) == limit
    assert "sys.get_int_max_str_digits()" in refusal_of([10**limit])
    assert "sys.get_int_max_str_digits()" in refusal_of({10**limit: 1})


# No code of the script's runs.

DUNDERS = (
    "__iter__ __len__ __getitem__ __contains__ __str__ __repr__ __eq__ __bool__ __int__ "
    "__index__ __float__ __getattribute__ __getattr__ __format__ __next__ __call__ __bytes__ "
    "__reduce__ __trunc__ __lt__ __class_getitem__ __length_hint__ __reversed__ __missing__ "
    "items keys values get encode"
).split()


def trap(*args, **kwargs):
    raise AssertionError("a method of the value was called")


def trapped(base):
    return type(
        "Trapped", (base,), {name: trap for name in DUNDERS} | {"__hash__": object.__hash__}
    )


TRAPPED = [
    (trapped(dict)({"a": 1}), '{"a":1}'),
    (trapped(list)([1, 2]), "[1,2]"),
    (trapped(tuple)((1, 2)), "[1,2]"),
    (trapped(str)("text"), '"text"'),
    (trapped(int)(7), "7"),
    (trapped(int)(2**70), str(2**70)),
    (trapped(float)(1.5), "1.5"),
]


@pytest.mark.parametrize("value, text", TRAPPED, ids=[text for _, text in TRAPPED])
def test_a_subclass_counts_as_its_base_and_none_of_its_methods_is_called(value, text):
    assert text_of(value) == text
    assert text_of([value]) == f"[{text}]"


def test_keys_that_are_subclasses_count_as_their_base():
    key = trapped(str)("a")
    assert text_of(dict.fromkeys([key], 1)) == '{"a":1}'
    assert "two keys that are the same" in refusal_of({key: 1, "a": 2})
    assert text_of({trapped(int)(5): 1}) == '{"5":1}'


def test_describing_a_strange_type_calls_nothing_of_it_nor_of_its_metaclass():
    class Meta(type):
        __getattribute__ = trap
        __getattr__ = trap
        __repr__ = trap
        __eq__ = trap
        __hash__ = trap
        __instancecheck__ = trap

    calls = []

    class Named(type):
        @property
        def __name__(cls):
            calls.append(cls)
            return "Liar"

        @property
        def __module__(cls):
            calls.append(cls)
            return "numpy"

    plain = Meta("Plain", (), {name: trap for name in DUNDERS})
    named = Named("Named", (), {})
    messages = [refusal_of(object.__new__(plain)), refusal_of([named()]), refusal_of({named(): 1})]
    del plain, named  # pytest would look at them, too.
    assert messages == [
        "Plain at $",
        "Named at $[0]",
        "a dict key of type Named at $; use str()",
    ]
    assert calls == []


def test_a_dict_that_lies_about_its_items_is_read_as_it_is():
    class Liar(dict):
        def items(self):
            return [("forged", 1)]

        def __len__(self):
            return 10**9

    assert text_of(Liar(true=1)) == '{"true":1}'
