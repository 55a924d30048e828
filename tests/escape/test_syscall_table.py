"""Asks the kernel, from inside a real guest, about every system call that the table speaks of.

The table is the program's own (`snapjail seccomp-table --json`), so that no row is left without a
test. Each call is made with arguments that lead nowhere: a call that is let in fails for them, one
that is refused answers the filter's errno. Outside, in namespaces of its own, the same probe shows
that the answer is the filter's and not the kernel's.
"""

import json
import platform
import subprocess
from pathlib import Path

import pytest
from service import BINARY, PYTHON

HERE = Path(__file__).parent
PROBE = (HERE / "syscall_probe.py").read_text()
NUMBERS = range(0, 481)  # Of today's kernels and a few to come.
# Each is a fork, slow in gVisor; a job has two seconds of processor time, six in all.
CALLS_PER_JOB = 12
OUTSIDE_SECONDS = 60
X32_BIT = 0x40000000
GETPID_OF_I386 = 20
X86_64 = platform.machine() == "x86_64"
only_x86_64 = pytest.mark.skipif(not X86_64, reason="there is no x32 and no int 0x80 here")

NOWHERE = [-1] * 6  # No descriptor, no address, no flags that anything knows.
# Where that would be refused for what it says, or answer with the filter's own errno.
ARGUMENTS = {
    "clone": [17, 0, 0, 0, 0],  # SIGCHLD: a plain fork.
    "fcntl": [-1, 1],  # F_GETFD
    "futex": [0, 129, 1],  # FUTEX_WAKE_PRIVATE: nobody waits.
    "ioctl": [-1, 0x5401],  # TCGETS
    "prctl": [16, -1],  # PR_GET_NAME
    "setsockopt": [-1, 1, 2, -1, 4],  # SO_REUSEADDR
    "socketpair": [1, 1, 0, -1],  # AF_UNIX, SOCK_STREAM
    # No flags that are refused.
    **dict.fromkeys(("sendto", "sendmmsg", "recvfrom", "recvmmsg"), [-1, 0, 0, 0, 0, 0]),
    **dict.fromkeys(("sendmsg", "recvmsg"), [-1, 0, 0]),
}
# What the kernel itself refuses to a guest, whatever the filter says of it.
REFUSED_BY_KERNEL = {"mlock": "EPERM"}  # RLIMIT_MEMLOCK is 0, and that is looked at first.
# x86-64's uretprobe and uprobe: Linux lets them pass by every seccomp filter, and they do nothing
# but for a trampoline of the kernel's own making.
PAST_EVERY_FILTER = {335: {"SIGILL", "ENOSYS"}, 336: {"ENXIO", "SIGILL", "ENOSYS"}}
# How to try a value for a judged argument: the call's other arguments.
AROUND = {
    "clone": [17, 0, 0, 0, 0],
    "fcntl": [-1, 0, 0],
    "ioctl": [-1, 0, -1],
    "prctl": [0, 0, 0, 0, 0],
    "recvfrom": [-1, 0, 0, 0, 0, 0],
    "recvmmsg": [-1, 0, 0, 0, 0],
    "recvmsg": [-1, 0, 0],
    "sendmmsg": [-1, 0, 0, 0],
    "sendmsg": [-1, 0, 0],
    "sendto": [-1, 0, 0, 0, 0, 0],
    "setsockopt": [-1, 1, 0, -1, 4],
    "socketpair": [1, 1, 0, -1],
}


@pytest.fixture(scope="module")
def table():
    printed = subprocess.run([BINARY, "seccomp-table", "--json"], check=True, capture_output=True)
    return json.loads(printed.stdout)


def script_of(calls):
    return PROBE.replace("CALLS = []", f"CALLS = {calls!r}")


def ask_inside(service, calls):
    answers = []
    for at in range(0, len(calls), CALLS_PER_JOB):
        answers += service.execute(script_of(calls[at : at + CALLS_PER_JOB])).result
    return answers


def ask_outside(tmp_path, calls):
    """As root of namespaces of its own where the tests' user is no root; nothing it does stays."""
    path = tmp_path / "script.py"
    path.write_text(script_of(calls))
    command = [PYTHON, HERE / "outside.py", path, "main", "mount", "uts", "ipc", "net"]
    ended = subprocess.run(
        command,
        capture_output=True,
        check=True,
        timeout=OUTSIDE_SECONDS,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    told = json.loads(ended.stdout)
    if "unable" in told:
        pytest.skip(f"this host does not let the control run: {told['unable']}")
    return told["result"]


def numbers_of(table):
    return {call["number"]: call for call in table["calls"] if call["number"] is not None}


def calls_of(table):
    """(number, arguments) for the whole range and for what the table has beyond it."""
    known = numbers_of(table)
    numbers = sorted({*NUMBERS, *known})
    names = {number: call["name"] for number, call in known.items()}
    return [(number, ARGUMENTS.get(names.get(number), NOWHERE)) for number in numbers]


def expected_of(table, number):
    """The errno that a guest must see, or None where the call is let in."""
    known = numbers_of(table).get(number)
    return table["others_errno"] if known is None else known["errno"]


def is_as_the_table_says(table, number, answer, bare, kernel):
    if X86_64 and number in PAST_EVERY_FILTER:
        return answer in PAST_EVERY_FILTER[number]
    expected = expected_of(table, number)
    if expected is not None:
        return answer == expected
    if kernel == "gvisor":
        return True  # It lacks much of what is let in, and answers so itself.
    name = numbers_of(table)[number]["name"]
    # A kernel older than the table lacks calls that the filter lets in.
    is_lacking = answer == bare == "ENOSYS"
    is_refused = answer in ("EPERM", "ENOSYS", "SIGSYS")
    return not is_refused or is_lacking or answer == REFUSED_BY_KERNEL.get(name)


@pytest.mark.full_tier("a container's own filter answers some calls before ours does")
def test_every_number_is_answered_as_the_table_says(service, kernel, table, tmp_path):  # D-50
    calls = calls_of(table)
    inside, outside = ask_inside(service, calls), ask_outside(tmp_path, calls)

    wrong = []
    for (number, _), answer, bare in zip(calls, inside, outside):
        if not is_as_the_table_says(table, number, answer, bare, kernel):
            wrong.append((number, numbers_of(table).get(number), answer, bare))

    assert not wrong, wrong


def test_the_refusals_are_the_filters_and_not_the_kernels(table, tmp_path):
    """The control of the test above: outside, a refused call fails otherwise or not at all."""
    refused = [(number, call) for number, call in numbers_of(table).items() if call["errno"]]
    answers = ask_outside(tmp_path, [(number, NOWHERE) for number, _ in refused])

    alike = {call["name"] for (_, call), answer in zip(refused, answers) if answer == call["errno"]}
    # An ordinary user, root of a user namespace of its own, may not do what concerns the machine.
    assert len(alike) < len(refused) / 3, sorted(alike)


def test_a_call_that_the_table_does_not_know_is_there_outside(service, table, tmp_path):
    clone3 = 435
    assert clone3 not in numbers_of(table)

    assert ask_inside(service, [(clone3, NOWHERE)]) == ["ENOSYS"]
    assert ask_outside(tmp_path, [(clone3, NOWHERE)]) != ["ENOSYS"]


MSG_DONTWAIT = 0x40


def tried_values(rule):
    """Listed ones, their neighbours, and a range of others; of flags those alone, for others do
    things."""
    near = {value + step for value in rule["values"] for step in (-1, 0, 1)}
    if rule["match"] == "no_bit_of" or rule["call"] == "clone":
        usual = 17 if rule["call"] == "clone" else MSG_DONTWAIT
        return sorted({value | usual for value in rule["values"]} | {usual})
    others = set() if rule["call"] == "ioctl" else set(range(0, 48))
    return sorted(value for value in near | others | {0} if value >= 0)


def is_refused_by(rule, value):
    masked = value & rule["mask"]
    if rule["match"] == "one_of":
        return masked not in rule["values"]
    if rule["match"] == "none_of":
        return masked in rule["values"]
    return any(masked & bit for bit in rule["values"])


def test_every_argument_is_judged_as_the_table_says(service, table, tmp_path):  # D-47, D-48
    by_name = {call["name"]: call["number"] for call in table["calls"]}
    wrong, refused_outside = [], []
    for rule in table["arguments"]:
        if by_name[rule["call"]] is None:
            continue  # Not of this architecture.
        values = tried_values(rule)
        calls = []
        for value in values:
            arguments = list(AROUND[rule["call"]])
            arguments[rule["argument"]] = value
            calls.append((by_name[rule["call"]], arguments))
        inside = ask_inside(service, calls)
        refused = [is_refused_by(rule, value) for value in values]
        for value, answer, is_refused in zip(values, inside, refused):
            if (answer == rule["errno"]) != is_refused:
                wrong.append((rule["call"], value, answer))
        only_refused = [call for call, is_refused in zip(calls, refused) if is_refused]
        bare = ask_outside(tmp_path, only_refused)
        refused_outside.append((rule["call"], bare.count(rule["errno"]), len(bare)))
        assert only_refused, f"nothing of {rule['call']} was tried that it refuses"

    assert not wrong, wrong
    # Of prctl's options some need a privilege outside, too; of all others none.
    for call, count, tried in refused_outside:
        assert count <= (tried / 4 if call == "prctl" else 0), (call, count, tried)


@only_x86_64
def test_every_number_of_x32_kills(service, tmp_path):  # D-51
    calls = [(number | X32_BIT, NOWHERE) for number in NUMBERS]

    assert set(ask_inside(service, calls)) == {"SIGSYS"}
    assert "SIGSYS" not in ask_outside(tmp_path, [(X32_BIT, NOWHERE), (X32_BIT | 39, NOWHERE)])


@only_x86_64
def test_every_number_of_the_32_bit_interface_kills(service, tmp_path):  # D-51
    calls = [(None, [number]) for number in NUMBERS]

    assert set(ask_inside(service, calls)) == {"SIGSYS"}
    if ask_outside(tmp_path, [(None, [GETPID_OF_I386])]) != ["done"]:
        pytest.skip("this kernel runs no 32-bit programs: there is no control")


PAIRS = '''
import asyncio, multiprocessing, socket

def child(connection):
    connection.send(connection.recv() * 2)

async def echo():
    left, right = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=left)
    other_reader, other_writer = await asyncio.open_connection(sock=right)
    writer.write(b"ping\\n")
    line = await other_reader.readline()
    other_writer.write(line.upper())
    answer = (await reader.readline()).decode().strip()
    writer.close()
    other_writer.close()
    return answer

def main():
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=child, args=(theirs,))
    process.start()
    ours.send(21)
    twice = ours.recv()
    process.join()
    packets = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    packets[0].send(b"one"), packets[0].send(b"two")
    return [asyncio.run(echo()), twice, packets[1].recv(9).decode(), packets[1].recv(9).decode()]
'''


def test_socket_pairs_serve_asyncio_and_multiprocessing(service):
    assert service.execute(PAIRS).result == ["PING", 42, "one", "two"]


POOL = """
import multiprocessing

def main():
    with multiprocessing.get_context("METHOD").Pool(2) as pool:
        return pool.map(abs, [-1, 2])
"""


@pytest.mark.promised("dev_shm")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_of_processes_works(service, method):
    assert service.execute(POOL.replace("METHOD", method)).result == [1, 2]


def test_a_pool_that_listens_on_a_socket_does_not(service):
    """docs/api.md says so: a change of this is a change of the contract."""
    answer = service.execute(POOL.replace("METHOD", "forkserver"))

    assert answer.outcome == (400, "exception")
    assert answer.error.startswith("PermissionError")
