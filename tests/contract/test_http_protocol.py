"""HTTP itself, byte by byte: what real and hostile clients send."""

import json
import re
import socket
import time

import pytest
from service import check_every_answer, check_execute_answer

SCRIPT = "def main():\n    return 'hello'\n"
BODY = json.dumps({"script": SCRIPT}).encode()
HEAD = b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
REQUEST = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


class Headers(dict):
    """As much of http.client's message as the checks need."""

    def get_content_type(self):
        return self.get("Content-Type", "").partition(";")[0].strip().lower()

    def get(self, name, default=None):
        return super().get(name.lower(), default)

    def __getitem__(self, name):
        return super().__getitem__(name.lower())

    def as_string(self):
        return repr(self)


def read_answers(connection):
    """All that arrives until the server closes, as [(version, status, headers, body)]."""
    raw = b""
    while data := receive(connection):
        raw += data
    answers = []
    while raw:
        answer, raw = split_answer(raw)
        answers.append(answer)
    return answers


def receive(connection):
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""


def split_answer(raw):
    head, separator, rest = raw.partition(b"\r\n\r\n")
    assert separator, raw[:300]
    first, *lines = head.decode("latin-1").split("\r\n")
    version, status, *_ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    headers = Headers({name.lower(): value.strip() for name, _, value in pairs})
    if int(status) < 200:
        return (version, int(status), headers, b""), rest
    length = int(headers["Content-Length"])
    return (version, int(status), headers, rest[:length]), rest[length:]


def read_answer(connection):
    """One answer of a connection that may stay open."""
    raw = b""
    while True:
        data = receive(connection)
        assert data, f"closed after {raw[:300]}"
        raw += data
        head, separator, rest = raw.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        if separator and (length is None or len(rest) >= int(length[1])):
            return split_answer(raw)[0]


def send(service, raw, closes=True):
    """Sends raw bytes on a connection of its own and returns all answers until it is closed."""
    with service.connect() as connection:
        try:
            connection.sendall(raw)
        except (BrokenPipeError, ConnectionResetError):
            pass  # Refused early: the answer was sent before we had written all.
        return read_answers(connection) if closes else read_answer(connection)


def assert_refused(answers, *statuses):
    """One answer of these statuses, in the contract's form, and the connection closed."""
    assert len(answers) == 1, answers
    _, status, headers, body = answers[0]
    assert status in statuses, answers
    value = check_every_answer(status, headers, body)
    assert value["error_type"] in ("invalid_request", "script_too_large"), value


@pytest.mark.both_modes
def test_a_kept_connection_carries_many_requests(service):
    with service.connect() as connection:
        for _ in range(20):
            connection.sendall(REQUEST)
            version, status, headers, body = read_answer(connection)
            assert (version, status) == ("HTTP/1.1", 200)
            assert check_execute_answer(status, headers, body)["result"] == "hello"


def test_every_request_has_an_id_of_its_own(service):
    ids = {service.ask("GET", "/health").headers["X-Request-Id"] for _ in range(50)}
    ids |= {service.execute(SCRIPT).headers["X-Request-Id"] for _ in range(20)}

    assert len(ids) == 70


def test_an_id_that_the_client_sends_cannot_break_the_headers(service):
    head = HEALTH[:-2] + b"X-Request-Id: \xff<script>\x01\r\nConnection: close\r\n\r\n"
    answers = send(service, head)

    assert len(answers) == 1
    assert "script" not in answers[0][2].get("X-Request-Id", "")


def test_pipelined_requests_are_answered_in_order(service):  # D-22
    slow = json.dumps(
        {"script": "import time\ntime.sleep(0.3)\ndef main(): return 'slow'"}
    ).encode()
    first = HEAD + b"Content-Length: %d\r\n\r\n" % len(slow) + slow
    last = REQUEST.replace(b"Host: x", b"Host: x\r\nConnection: close")

    answers = send(service, first + HEALTH + last)

    assert [answer[1] for answer in answers] == [200, 200, 200]
    assert json.loads(answers[0][3])["result"] == "slow"
    assert json.loads(answers[2][3])["result"] == "hello"


def test_connection_close_is_obeyed(service):
    answers = send(service, REQUEST.replace(b"Host: x", b"Host: x\r\nConnection: close"))

    assert [answer[1] for answer in answers] == [200]
    assert answers[0][2].get("Connection", "").lower() == "close"


def test_http_1_0_gets_its_answer_and_is_closed(service):  # D-22
    raw = b"POST /execute HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
    answers = send(service, raw)

    assert [answer[1] for answer in answers] == [200]
    assert json.loads(answers[0][3])["result"] == "hello"


def test_a_chunked_body_is_a_body(service):  # D-22
    half = len(BODY) // 2
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (BODY[:half], BODY[half:]))
    raw = HEAD + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunks + b"0\r\n\r\n"
    answers = send(service, raw)

    assert json.loads(answers[0][3])["result"] == "hello"


def test_a_body_that_arrives_byte_by_byte_is_a_body(service):
    with service.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in REQUEST:
            connection.sendall(bytes([byte]))
        assert read_answer(connection)[1] == 200


def test_a_client_that_waits_for_100_continue_gets_it(service):  # D-22
    with service.connect() as connection:
        connection.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY))
        assert read_answer(connection)[1] == 100
        connection.sendall(BODY)
        assert read_answer(connection)[1] == 200


def test_a_client_that_waits_with_too_large_a_body_is_refused_before_it_sends(service):
    with service.connect() as connection:
        connection.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: 1000000000\r\n\r\n")
        assert read_answer(connection)[1] == 413


@pytest.mark.parametrize(  # D-22
    ("headers", "statuses"),
    [
        (b"Content-Length: 1000000000\r\n", (413,)),
        (b"Content-Length: 99999999999999999999999999\r\n", (400, 413)),
        (b"Content-Length: -1\r\n", (400,)),
        (b"Content-Length: +5\r\n", (400,)),
        (b"Content-Length: 5x\r\n", (400,)),
        (b"Content-Length: 0x5\r\n", (400,)),
        (b"Content-Length: \r\n", (400,)),
        (b"Content-Length: 5\r\nContent-Length: 6\r\n", (400,)),
        (b"Content-Length: 5, 6\r\n", (400,)),
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", (400,)),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", (400,)),
        (b"Transfer-Encoding: gzip\r\n", (400, 501)),
        (b"Transfer-Encoding: identity\r\n", (400, 501)),
        (b"Transfer-Encoding: xchunked\r\n", (400, 501)),
        (b"Transfer-Encoding: chunked, identity\r\n", (400, 501)),
        (b"X: " + b"x" * 100_000 + b"\r\n", (400, 431)),
        (b"X: y\r\n" * 20_000, (400, 431)),
        (b"X : y\r\n", (400,)),
        (b"X: a\r\n b\r\n", (400,)),
        (b"X: a\0b\r\n", (400,)),
        (b"X\r\n", (400,)),
        (b": y\r\n", (400,)),
    ],
    ids=range(22),
)
def test_bad_headers_are_refused_and_the_connection_closed(service, headers, statuses):
    """Whatever follows in the same connection is then nobody's request: no smuggling."""
    began = time.monotonic()
    answers = send(service, HEAD + headers + b"\r\n" + HEALTH + HEALTH)

    assert_refused(answers, *statuses)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(  # D-22
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200,
        b"GARBAGE\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"POST /execute\r\n\r\n",
        b"POST /execute HTTP/9.9\r\nHost: x\r\n\r\n",
        b"POST  /execute HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /exe cute HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PO ST /execute HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /execute HTTP/1.1\nHost x\n\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\r\n" * 50_000 + b"x\r\n\r\n",
    ],
    ids=[
        "TLS",
        "garbage",
        "nulls",
        "HTTP/0.9",
        "HTTP/9.9",
        "two spaces",
        "space in path",
        "space in method",
        "bare newlines",
        "long path",
        "HTTP/2",
        "empty lines",
    ],
)
def test_bytes_that_are_no_request_are_refused(service, raw):
    answers = send(service, raw)

    assert_refused(answers, 400, 414, 431, 505)


@pytest.mark.parametrize(  # D-22
    "chunks",
    [
        b"zz\r\nabc\r\n0\r\n\r\n",
        b"-1\r\nabc\r\n0\r\n\r\n",
        b"ffffffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabcX\r\n0\r\n\r\n",
        b"3;" + b"x" * 100_000 + b"\r\nabc\r\n0\r\n\r\n",
    ],
    ids=["not hex", "negative", "overflow", "no end", "long extension"],
)
def test_bad_chunks_are_refused(service, chunks):
    answers = send(service, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + HEALTH)

    assert_refused(answers, 400, 413, 431)


def test_a_chunked_body_over_the_limit_is_refused_while_it_arrives(service):  # D-22
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    answers = send(service, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 64)

    assert_refused(answers, 413)


def test_an_announced_body_over_the_limit_is_refused_at_once(service):  # D-22
    answers = send(service, HEAD + b"Content-Length: 1000000000\r\n\r\n{")

    assert_refused(answers, 413)


def test_head_answers_as_get_without_the_body(service):
    status, headers, raw, _ = service.request("HEAD", "/health")

    assert (status, raw) == (200, b"")
    assert headers["X-Request-Id"]


def test_head_of_execute_is_not_allowed(service):  # D-27
    status, headers, raw, _ = service.request("HEAD", "/execute")

    assert (status, raw) == (405, b"")
    assert "POST" in headers["Allow"]


def test_a_query_does_not_change_the_route(service):
    answer = service.ask("POST", "/execute?x=1", BODY, {"Content-Type": "application/json"})

    assert answer.result == "hello"


def test_an_unknown_method_is_not_allowed(service):
    answer = service.ask("BREW", "/execute")

    assert answer.outcome in ((405, "invalid_request"), (400, "invalid_request")), answer


def test_a_body_where_none_is_expected_is_not_the_next_request(service):
    body = b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n"
    raw = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    answers = send(service, raw % len(body) + body)

    assert len(answers) == 1


def test_a_refusal_leaves_the_connection_usable(service):
    bad = HEAD + b"Content-Length: 2\r\n\r\n[]"
    last = REQUEST.replace(b"Host: x", b"Host: x\r\nConnection: close")
    answers = send(service, bad + last)

    assert [answer[1] for answer in answers] == [400, 200]


@pytest.mark.seconds(90)
def test_a_client_that_never_ends_its_headers_is_closed(service):  # D-22, slow loris
    """Bytes that keep trickling in do not keep it alive: the time for a header is one span."""
    began = time.monotonic()
    with service.connect(seconds=1) as connection:
        connection.sendall(b"POST /execute HTTP/1.1\r\nHost: x\r\n")
        while time.monotonic() - began < 60:
            try:
                connection.sendall(b"X")
                if not connection.recv(65536):
                    break
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                break
    assert time.monotonic() - began < 30


def test_bytes_after_the_last_request_harm_nobody(service):
    with service.connect() as connection:
        connection.sendall(REQUEST + b"\0" * 10)
        assert read_answer(connection)[1] == 200
    assert service.execute(SCRIPT).result == "hello"


def test_two_thousand_requests_on_one_connection_leave_it_open(service):
    with service.connect() as connection:
        for _ in range(2000):
            connection.sendall(HEALTH)
            assert read_answer(connection)[1] == 200
