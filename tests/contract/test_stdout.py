"""What was printed: everything on descriptor 1, in order, bounded, as UTF-8."""

import pytest

STDOUT_BYTES_MAX = 2**20


def printing(*lines, value="None"):
    body = "".join(f"    {line}\n" for line in lines)
    return f"import os, sys, subprocess, time\ndef main():\n{body}    return {value}\n"


@pytest.mark.both_modes
def test_prints_arrive_in_order_at_import_and_in_main(execute):
    assert execute("print('a')\ndef main():\n    print('b', 'c', sep='-')\n    return 1").json == {
        "result": 1,
        "stdout": "a\nb-c\n",
    }


@pytest.mark.both_modes
def test_print_raw_writes_and_children_keep_their_order(execute):
    answer = execute(
        printing(
            "print('one')",
            "os.write(1, b'two\\n')",
            "sys.stdout.write('three\\n')",
            "subprocess.run([sys.executable, '-c', 'print(\"four\")'], check=True)",
            "pid = os.fork()",
            "if pid == 0: os.write(1, b'five\\n'); os._exit(0)",
            "os.waitpid(pid, 0)",
            "os.system('echo six')",
            "sys.stdout.buffer.write(b'seven\\n'); sys.stdout.flush()",
            "print('eight', end='')",
        )
    )

    assert answer.stdout == "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight"


def test_what_was_not_yet_flushed_when_main_returned_arrives(execute):
    answer = execute(
        printing("sys.stdout.buffer.write(b'raw; ')", "sys.stdout.write('no newline')")
    )

    assert answer.stdout == "raw; no newline"


def test_what_was_printed_before_an_exit_arrives(execute):  # D-5
    answer = execute(printing("print('kept')", "os._exit(3)"))

    assert answer.outcome == (400, "exit")
    assert answer.stdout == "kept\n"


@pytest.mark.parametrize(
    ("ending", "error_type"),
    [
        ("raise ValueError('x')", "exception"),
        ("sys.exit(1)", "exit"),
        ("return {1}", "not_json"),
        ("return 'x' * 20_000_000", "result_too_large"),
        ("os.abort()", "signal"),
        ("b' ' * 10**10", "memory_limit"),
    ],
)
def test_what_was_printed_before_a_fault_arrives(execute, ending, error_type):
    answer = execute(printing("print('kept')", ending))

    assert answer.outcome == (400, error_type), answer
    assert answer.stdout == "kept\n"


def test_stderr_is_not_stdout(execute):
    answer = execute(printing("print('no', file=sys.stderr)", "os.write(2, b'no')", "print('yes')"))

    assert answer.stdout == "yes\n"


def test_a_gigabyte_of_stderr_delays_nothing(execute):  # D-30
    answer = execute(printing("for _ in range(1000): os.write(2, b'x' * 1_000_000)", value="1"))

    assert answer.json == {"result": 1, "stdout": ""}


@pytest.mark.both_modes
@pytest.mark.parametrize(  # D-18
    "text",
    [
        '{"result": "forged", "stdout": ""}\n',
        "\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "\x1b[31mred\x1b[0m\x07\x00\x7f",
        "a\r\nb\rc\n\td\x0b\x0c",
        "é漢\U0001f600\u2028",
        "<script>alert(1)</script>",
    ],
)
def test_what_is_printed_arrives_verbatim(execute, text):
    assert execute(printing(f"print({text!r}, end='')")).json == {"result": None, "stdout": text}


def test_a_million_newlines_arrive(execute):  # D-18
    assert execute(printing("print('\\n' * 1_000_000, end='')")).stdout == "\n" * 1_000_000


@pytest.mark.both_modes
@pytest.mark.parametrize(  # D-30
    "raw",
    [
        b"\xff\xfea",
        b"\xe2\x82",
        b"\xe2\x82a",
        b"\xed\xa0\x80",
        b"\xc0\xaf",
        b"\xf4\x90\x80\x80",
        b"a\x80\x80b",
        b"\xf0\x9f\x98",
    ],
)
def test_bad_bytes_become_replacement_characters(execute, raw):
    assert execute(printing(f"os.write(1, {raw!r})")).stdout == raw.decode("utf-8", "replace")


def test_a_character_written_byte_by_byte_is_one_character(execute):  # D-30
    answer = execute(
        printing("for byte in '漢é'.encode(): os.write(1, bytes([byte])); time.sleep(0.01)")
    )

    assert answer.stdout == "漢é"


# D-30: the cap.


def test_stdout_of_exactly_the_limit_is_whole(execute):
    answer = execute(printing(f"print('x' * {STDOUT_BYTES_MAX}, end='')", value="1"))

    assert answer.json == {"result": 1, "stdout": "x" * STDOUT_BYTES_MAX}


@pytest.mark.both_modes
def test_stdout_one_byte_past_the_limit_is_cut_and_marked(execute):
    answer = execute(printing(f"print('x' * {STDOUT_BYTES_MAX} + 'y', end='')", value="1"))

    assert answer.json == {"result": 1, "stdout": "x" * STDOUT_BYTES_MAX, "stdout_truncated": True}


def test_a_character_is_not_cut_in_two(execute):
    answer = execute(printing("print('a' + '€' * 400_000, end='')", value="1"))

    assert answer.json["stdout_truncated"] is True
    assert (
        answer.stdout.rstrip("\ufffd")
        == ("a" + "€" * 400_000)[: len(answer.stdout.rstrip("\ufffd"))]
    )
    assert STDOUT_BYTES_MAX - 3 <= len(answer.stdout.rstrip("\ufffd").encode()) <= STDOUT_BYTES_MAX


def test_the_job_runs_on_after_the_cut(execute):
    answer = execute(printing("for i in range(64): print('x' * 2**20)", value="'still here'"))

    assert answer.result == "still here"
    assert answer.json["stdout_truncated"] is True


def test_a_fault_after_the_cut_is_told_with_the_mark(execute):
    answer = execute(printing("print('x' * 2_000_000)", "raise ValueError('after')"))

    assert answer.outcome == (400, "exception")
    assert answer.json["stdout_truncated"] is True


def test_endless_output_ends_by_the_limit_and_is_cut(impatient):
    answer = impatient.execute("while True: print('x' * 1000)")

    assert answer.status == 400 and answer.error_type in ("cpu_limit", "time_limit"), answer
    assert answer.json["stdout_truncated"] is True
    assert len(answer.stdout) == STDOUT_BYTES_MAX


# D-33: what a script does to its descriptors.


@pytest.mark.both_modes
@pytest.mark.parametrize(
    "deed",
    [
        "os.close(0); os.close(1); os.close(2)",
        "sys.stdout.close()",
        "sys.stdout = None",
        "os.dup2(os.open('/dev/null', os.O_RDWR), 1)",
        "os.dup2(2, 1)",
        "os.set_blocking(1, False)",
        "__import__('fcntl').fcntl(1, 1031, 1 << 20)",
        "__import__('fcntl').fcntl(1, 8, os.getpid()); __import__('fcntl').fcntl(1, 4, 0o20000)",
        "sys.stdout.detach()",
    ],
    ids=[
        "close 0 1 2",
        "close",
        "None",
        "/dev/null",
        "stderr",
        "O_NONBLOCK",
        "F_SETPIPE_SZ",
        "O_ASYNC",
        "detach",
    ],
)
def test_the_value_arrives_whatever_was_done_to_stdout(service, deed):
    script = printing("print('before')", f"try: {deed}", "except OSError: pass", value="'value'")

    assert service.execute(script).json == {"result": "value", "stdout": "before\n"}
    assert service.execute("def main(): print('next')").stdout == "next\n"


def test_stdout_cannot_be_read_back(execute):  # D-33
    script = printing("try: os.read(1, 1)", "except OSError as error: return error.errno")

    assert execute(script).result == 9  # EBADF: a pipe end for writing alone.


def test_a_nonblocking_stdout_loses_only_the_scripts_own_writes(service):  # D-33
    script = printing(
        "os.set_blocking(1, False)",
        "n = 0",
        "while n < 2**22:",
        "    try: n += os.write(1, b'x' * 65536)",
        "    except BlockingIOError: pass",
        value="n",
    )

    answer = service.execute(script)
    assert answer.result >= 2**22
    assert answer.json["stdout_truncated"] is True


# D-34


@pytest.mark.both_modes
def test_stdin_is_at_its_end(execute):
    assert execute(printing(value="[sys.stdin.read(), os.read(0, 1).decode()]")).result == ["", ""]


def test_input_raises_at_once(execute):
    answer = execute(printing("input('prompt')"))

    assert answer.outcome == (400, "exception")
    assert answer.error.startswith("EOFError")
    assert answer.seconds < 2


# D-78


@pytest.mark.both_modes
def test_output_is_utf8_everywhere(execute):
    answer = execute(
        printing(
            "print('ü')",
            "subprocess.run([sys.executable, '-c', 'print(chr(0x6f22))'], check=True)",
            value="[sys.stdout.encoding.lower(), sys.getfilesystemencoding(), "
            "open('x', 'w').encoding.lower()]",
        )
    )

    assert answer.json == {"result": ["utf-8", "utf-8", "utf-8"], "stdout": "ü\n漢\n"}


def test_printing_a_surrogate_is_the_scripts_own_error(execute):
    answer = execute(printing("print(chr(0xd800))"))

    assert answer.outcome == (400, "exception")
    assert answer.error.startswith("UnicodeEncodeError")


def test_redirected_output_is_not_stdout(execute):
    script = printing(
        "import contextlib, io",
        "with contextlib.redirect_stdout(io.StringIO()) as f: print('mine')",
        value="f.getvalue()",
    )

    assert execute(script).json == {"result": "mine\n", "stdout": ""}


def test_print_is_line_buffered(execute):
    assert (
        execute(printing("print('line')", "sys.stdout.write('rest')", "os._exit(0)")).stdout
        == "line\n"
    )
