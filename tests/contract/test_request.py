"""What a request may be, and what is said of one that may not: before anything of a script runs."""

import json

import pytest

SCRIPT_BYTES_MAX = 204_800
HELLO = "def main():\n    return 'hello'\n"


def padded(size, head=HELLO):
    """A script of exactly `size` bytes that returns 'hello'."""
    return head + "#" + "x" * (size - len(head.encode()) - 1)


@pytest.mark.both_modes
def test_a_script_with_a_main_gets_its_value(execute):
    assert execute(HELLO).json == {"result": "hello", "stdout": ""}


@pytest.mark.both_modes
@pytest.mark.parametrize(  # D-21
    "body",
    [
        b"",
        b" ",
        b"[]",
        b'"x"',
        b"null",
        b"7",
        b"{}",
        b'{"script": null}',
        b'{"script": 7}',
        b'{"script": true}',
        b'{"script": ["def main(): pass"]}',
        b'{"script": {"a": 1}}',
        b'{"Script": "def main(): pass"}',
        b'{"script": "def main(): pass"} trailing',
        b'{"script": "def main(): pass"}{"script": "def main(): pass"}',
        b'{"script": "def main(): pass",}',
        b'/* why */ {"script": "def main(): pass"}',
        b"{'script': 'def main(): pass'}",
        b'{"script": NaN}',
        b'{"script": "def main(): pass"',
        b'{"script": "a raw\nnewline"}',
        b'{"script": "bad escape \\x41"}',
        b"script=def+main()",
        b"\0",
    ],
)
def test_a_body_that_is_not_one_object_with_a_script_is_refused(service, body):
    answer = service.post(body)

    assert answer.outcome == (400, "invalid_request"), answer


@pytest.mark.parametrize("field", ["timeout", "language", "Script", "scripts", ""])  # D-21, D-29
def test_an_unknown_field_is_refused_by_name(service, field):
    answer = service.post(json.dumps({"script": HELLO, field: 0}).encode())

    assert answer.outcome == (400, "invalid_request"), answer
    assert field in answer.error


def test_a_missing_script_is_named(service):  # D-21
    assert "script" in service.post(b"{}").error


def test_a_script_given_twice_is_refused(service):  # D-21
    answer = service.post(b'{"script": "def main(): return 1", "script": "def main(): return 2"}')

    assert answer.outcome == (400, "invalid_request"), answer


def test_white_space_around_the_object_is_accepted(service):
    answer = service.post(b' \r\n\t{"script": "def main(): return 1"}\n')

    assert answer.result == 1


def test_a_body_that_is_not_utf8_is_refused(service):  # D-23
    answer = service.post(b'{"script": "def main(): return \'\xff\'"}')

    assert answer.outcome == (400, "invalid_request"), answer


@pytest.mark.parametrize("escape", [b"\\ud800", b"\\udc00", b"\\udc00\\ud800"])  # D-23
def test_a_lone_surrogate_in_the_script_is_refused(service, escape):
    answer = service.post(b'{"script": "def main(): return \'' + escape + b"'\"}")

    assert answer.outcome == (400, "invalid_request"), answer


def test_a_surrogate_pair_in_the_script_is_one_character(service):  # D-23
    answer = service.post(b'{"script": "def main(): return \'\\ud83d\\ude00\'"}')

    assert answer.result == "\U0001f600"


@pytest.mark.both_modes
def test_a_null_character_in_the_script_is_a_fault_of_the_script(execute):  # D-23
    answer = execute("def main():\n    return 'a\0b'\n")

    assert answer.status == 400
    assert answer.error_type in ("syntax_error", "invalid_request"), answer


@pytest.mark.both_modes
@pytest.mark.parametrize(  # D-23
    "script",
    [
        "\ufeffdef main():\n    return 'é'\n",
        "def main():\r\n    return 'é'\r\n",
        "def main():\r    return 'é'\r",
        "\fdef main():\n    return 'é'\n",
        "# coding: latin-1\ndef main():\n    return 'é'\n",
        "# -*- coding: utf-7 -*-\ndef main():\n    return 'é'\n",
        "def main(): return 'é'",
    ],
    ids=[
        "byte order mark",
        "CRLF",
        "CR",
        "form feed",
        "latin-1 cookie",
        "utf-7 cookie",
        "no last newline",
    ],
)
def test_a_script_is_utf8_whatever_its_editor_left_in_it(execute, script):
    assert execute(script).json == {"result": "é", "stdout": ""}


def test_a_script_of_exactly_the_limit_runs(execute):  # D-24
    assert execute(padded(SCRIPT_BYTES_MAX)).result == "hello"


def test_a_script_one_byte_past_the_limit_is_too_large(execute):  # D-24
    answer = execute(padded(SCRIPT_BYTES_MAX + 1))

    assert answer.outcome == (413, "script_too_large"), answer
    assert answer.error.startswith("script is larger than 200 KB")


def test_the_limit_counts_bytes_of_utf8_not_characters(service):  # D-24
    letters = (SCRIPT_BYTES_MAX - len(HELLO) - 1) // 2
    fits = HELLO + "#" + "é" * letters
    too_large = HELLO + "#" + "é" * (letters + 1)

    assert service.execute(fits).result == "hello"
    assert service.execute(too_large).outcome == (413, "script_too_large")


def test_the_limit_counts_the_script_not_its_json_escapes(service):  # D-24
    script = padded(SCRIPT_BYTES_MAX)
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in script)

    assert service.post(b'{"script": "' + escaped.encode() + b'"}').result == "hello"


def test_the_longest_line_and_the_most_statements_run(service):  # D-24
    one_line = "def main(): return len('" + "x" * 200_000 + "')"
    statements = "x=1;" * 50_000 + "\ndef main(): return x"

    assert [a.result for a in service.execute_all([one_line, statements])] == [200_000, 1]


@pytest.mark.parametrize(  # D-27
    "content_type",
    [
        None,
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        'application/json; charset="utf-8"',
        "Application/JSON",
    ],
)
def test_json_by_its_usual_names_and_no_content_type_are_accepted(service, content_type):
    headers = {} if content_type is None else {"Content-Type": content_type}

    assert service.post(json.dumps({"script": HELLO}).encode(), headers).result == "hello"


@pytest.mark.parametrize(  # D-27
    "content_type",
    [
        "text/plain",
        "text/html",
        "text/json-not",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/octet-stream",
        "x",
    ],
)
def test_a_content_type_that_is_not_json_is_refused(service, content_type):
    answer = service.post(json.dumps({"script": HELLO}).encode(), {"Content-Type": content_type})

    assert answer.outcome == (415, "invalid_request"), answer


def test_another_charset_than_utf8_never_runs_as_utf8(service):  # D-27
    body = json.dumps({"script": HELLO}).encode("utf-16")
    answer = service.post(body, {"Content-Type": "application/json; charset=utf-16"})

    assert answer.status in (400, 415) and answer.error_type == "invalid_request", answer


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "TRACE"])  # D-27
def test_only_post_executes(service, method):
    answer = service.ask(method, "/execute")

    assert answer.outcome == (405, "invalid_request"), answer
    assert "POST" in answer.headers["Allow"]


def test_a_preflight_is_granted_nothing(service):  # D-27
    status, headers, _, _ = service.request(
        "OPTIONS",
        "/execute",
        headers={"Origin": "http://x.test", "Access-Control-Request-Method": "POST"},
    )

    assert status in (200, 405)  # What there is at this path, or that this is not it.
    assert "POST" in headers["Allow"]
    assert not [name for name in headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("path", ["/health", "/ready", "/healthz", "/readyz"])
def test_the_probes_are_read_only(service, path):
    answer = service.ask("POST", path, b"{}")

    assert answer.outcome == (405, "invalid_request"), answer
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "path", ["/execut", "/execute/more", "/EXECUTE", "/../execute", "//", "/%2e%2e/etc/passwd"]
)
def test_an_unknown_path_is_not_found(service, path):
    answer = service.ask("POST", path, json.dumps({"script": HELLO}).encode())

    assert answer.outcome == (404, "invalid_request"), answer


def test_deeply_nested_json_is_refused_at_once(service):  # D-22
    answer = service.post(b"[" * 1_000_000)

    assert answer.status in (400, 413) and answer.error_type == "invalid_request", answer
    assert answer.seconds < 2


def test_a_deeply_nested_unknown_field_is_refused_at_once(service):  # D-22
    answer = service.post(b'{"x":' * 100_000)

    assert answer.outcome == (400, "invalid_request"), answer
    assert answer.seconds < 2


@pytest.mark.parametrize(  # D-26
    "script",
    [
        "import os\nos._exit(3)\ndef main(): pass",
        "def main(x=__import__('os')._exit(3)): pass",
        "class main:\n    __import__('os')._exit(3)",
        "@lambda f: __import__('os')._exit(3)\ndef main(): pass",
        "class M(type):\n    def __new__(*a): __import__('os')._exit(3)\n"
        "class main(metaclass=M): pass",
    ],
    ids=["statement", "default argument", "class body", "decorator", "metaclass"],
)
def test_what_runs_at_import_runs_in_the_jail_only(service, script):
    answer = service.execute(script)

    assert answer.outcome == (400, "exit"), answer
    assert service.execute(HELLO).result == "hello"
