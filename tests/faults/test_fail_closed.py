"""Every system call of a set-up made to fail, one after another: then no script runs, and it heals.

The steps are found by watching one set-up (tracer.py), so a new one is tried without a word here.
Of a call that comes again, with the same first argument, the first and the last are tried.
"""

import errno
import json
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import processes
import pytest
from service import Service

TRACER = Path(__file__).parent / "tracer.py"
CANARY = 'print("canary")\ndef main(): return "ran"'
NAMES = {
    1: "write", 2: "open", 3: "close", 13: "rt_sigaction", 14: "rt_sigprocmask", 16: "ioctl",
    33: "dup2", 39: "getpid", 72: "fcntl", 80: "chdir", 83: "mkdir", 88: "symlink", 95: "umask",
    97: "getrlimit", 112: "setsid", 115: "getgroups", 116: "setgroups", 117: "setresuid",
    118: "getresuid", 119: "setresgid", 120: "getresgid", 125: "capget", 126: "capset",
    137: "statfs", 155: "pivot_root", 157: "prctl", 165: "mount", 166: "umount2",
    170: "sethostname", 217: "getdents64", 257: "openat", 262: "newfstatat", 269: "faccessat",
    272: "unshare", 273: "set_robust_list", 292: "dup3", 302: "prlimit64", 317: "seccomp",
    428: "open_tree", 429: "move_mount", 435: "clone3", 436: "close_range", 439: "faccessat2",
    442: "mount_setattr", 444: "landlock_create_ruleset", 445: "landlock_add_rule",
    446: "landlock_restrict_self", 59: "execve", 18: "pwrite64", 0: "read", 5: "fstat",
    334: "rseq", 218: "set_tid_address", 21: "access",
}  # fmt: skip
# Nothing depends on these, or somebody else looks whether it was done.
HARMLESS = {
    "close": "the descriptor goes with all others, whose list is looked at",
    "rt_sigprocmask": "a signal that stays blocked is the guest's own affair",
    "rt_sigaction": "what is ignored stays ignored: no wall",
    "set_robust_list": "the C library's own, in its fork()",
    "set_tid_address": "the C library's own",
    "rseq": "the C library's own",
    "umask": "cannot fail",
    "getpid": "cannot fail",
}
PR_CAP_AMBIENT = 47  # Clearing an empty set: verify_guest asks what is in it.

pytestmark = [
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the tracer knows x86-64 alone"),
    pytest.mark.skipif(os.getuid() != 0, reason="to trace the service's processes wants root"),
]


class Tracer:
    """tracer.py on one process, until the test ends."""

    def __init__(self, pid):
        self.process = subprocess.Popen(
            [sys.executable, TRACER, str(pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout.readline() == "attached\n"

    def order(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self):
        return self.process.stdout.readline()

    def obey(self, line):
        self.order(line)
        assert self.answer() == "done\n", line

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


def describe(call):
    return f"{NAMES.get(call[0], call[0])}({call[1]:#x})"


def is_repetition(call, following):
    """The same again, or the same question of the next descriptor."""
    asks = NAMES.get(call[0]) == "fcntl"
    return following == call or (asks and following == [call[0], call[1] + 1])


def ends_of_repetitions(calls):
    """Indices of those to try in a guest: of such calls in a row the first and the last."""
    return [
        i
        for i, call in enumerate(calls)
        if not (0 < i < len(calls) - 1)
        or not (is_repetition(calls[i - 1], call) and is_repetition(call, calls[i + 1]))
    ]


def firsts_and_lasts(calls):
    """Indices of those to try in a zygote, which makes a thousand for the entries of its root."""
    seen = {}
    for index, call in enumerate(calls):
        seen.setdefault(tuple(call), []).append(index)
    return sorted({found[at] for found in seen.values() for at in (0, -1)})


@pytest.fixture
def lean(launch):
    """One slot, so that one guest waits, and a job that finds none is refused at once."""
    running = launch(
        {}, ["--preload=none", "--slots=1", "--queue-time=0.6", "--zygote-lifetime=0"], mode="warm"
    )
    running.wait_ready()
    running.refuse_unjailed()
    wait_well(running)
    return running


def is_waiting(service):
    return service.ask("GET", "/health").json["guests"]["waiting"] == 1


def wait_well(service):
    """Until jobs run again, and a guest waits for the next."""
    assert processes.wait_until(service.is_ready, 20, 0.05), service.log_end()
    assert processes.wait_until(
        lambda: service.execute(CANARY).status == 200, 20, 0.05
    ), service.log_end()
    assert processes.wait_until(lambda: is_waiting(service), 20, 0.02), service.log_end()


def state(service):
    (zygote,) = service.zygotes()
    pids = [service.pid, service.front(), zygote]
    return {
        "processes": service.settled(),
        "descriptors": [processes.descriptors(pid) for pid in pids],
        # Not the supervisor's, which are the host's: others mount there too.
        "mounts": [processes.mounts(pid) for pid in pids[1:]],
    }


# What becomes of a job that waits while no guest can be started: it is our fault, and told so.
INTERNAL = (500, "internal")
# While there is no zygote there is nothing that has failed for this job: it is as when the service
# starts, and another is on its way. Nothing of the script has run, so that to try again is right.
OVERLOADED = (503, "overloaded")


def check_refused(answer, outcome):
    """What the contract has for a job that could not be run; nothing of it was."""
    assert answer.outcome == outcome, answer
    assert b"canary" not in answer.raw and b"ran" not in answer.raw.split(b'"error"')[0], answer
    assert answer.seconds < 3, answer


def is_harmless_in_process(calls, index):
    """In tier process, where no /proc shows a guest its own descriptors, and the folders that its
    interpreter reads are others on each host."""
    names = [NAMES.get(number) for number, _ in calls]
    score = names.index("openat")
    if index in range(score - 1, score + 3):
        return True  # Best effort: it would be ended first where memory is short.
    if names[index] in ("openat", "landlock_add_rule"):
        return "landlock_create_ruleset" in names[:index]  # What no rule allows is refused.
    if names[index] != "fcntl":
        return False
    # Asks of one number after another whether it is open: close_range has closed them, and EBADF is
    # the only error that a kernel has for it.
    return any(
        is_repetition(calls[i], calls[i + 1]) and is_repetition(calls[i + 1], calls[i + 2])
        for i in range(index - 2, index + 1)
    )


@pytest.mark.seconds(600)
@pytest.mark.slow
def test_a_guest_whose_set_up_fails_anywhere_runs_no_script(lean, tier):
    (zygote,) = lean.zygotes()
    tracer = Tracer(zygote)
    try:
        tracer.order("list")
        lean.execute(CANARY)  # Uses the guest that waits: the next one is forked.
        calls = json.loads(tracer.answer())
        # The filter's proof is the last question of verify_guest.
        last = max(i for i, call in enumerate(calls) if NAMES.get(call[0]) == "unshare")
        assert "seccomp" in [NAMES.get(call[0]) for call in calls[:last]]
        wait_well(lean)
        before = state(lean)

        survived = []
        for index in ends_of_repetitions(calls[: last + 1]):
            call = calls[index]
            error = errno.ENOMEM if index % 2 else errno.EPERM
            # In tier process the zygote has children that clean up, too.
            tracer.obey(f"fail {index} {error} {call[0]}")
            assert lean.execute(CANARY).result == "ran"  # The last that was forked before.
            answer = lean.execute(CANARY)
            if answer.status == 200:
                survived.append((index, call))
            else:
                check_refused(answer, INTERNAL)
            tracer.obey("pass")
            wait_well(lean)
    finally:
        tracer.close()

    wrong = [
        f"{index}: {describe(call)}"
        for index, call in survived
        if NAMES.get(call[0]) not in HARMLESS and call != [157, PR_CAP_AMBIENT] and index != last
        if tier == "full" or not is_harmless_in_process(calls, index)
    ]
    assert not wrong, "a guest was ready though this had failed: " + ", ".join(wrong)
    assert lean.zygotes() == [zygote], "the zygote has paid for it"
    assert state(lean) == before


@pytest.mark.seconds(600)
@pytest.mark.slow
def test_a_zygote_whose_set_up_fails_anywhere_is_not_used(lean):
    tracer = Tracer(lean.pid)
    try:
        tracer.order("list")
        os.kill(lean.zygotes()[0], signal.SIGKILL)
        calls = json.loads(tracer.answer())
        assert NAMES.get(calls[-1][0]) == "execve"
        wait_well(lean)
        before = state(lean)
        # Where no procfs can be mounted guests go without one: many a container is so.
        optional = [i for i, call in enumerate(calls) if NAMES.get(call[0]) == "mount"][-1]

        survived = []
        for index in firsts_and_lasts(calls):
            if index == optional:
                continue
            error = errno.ENOMEM if index % 2 else errno.EPERM
            tracer.obey(f"fail {index} {error}")
            log_before = lean.log_text().count("zygote_not_started")
            died_before = lean.log_text().count("zygote lost")
            os.kill(lean.zygotes()[0], signal.SIGKILL)
            # The guest that waited has died with its zygote, and the front knows.
            assert processes.wait_until(
                lambda: lean.log_text().count("zygote lost") > died_before, 10, 0.01
            )
            answer = lean.execute(CANARY)
            told = processes.wait_until(
                lambda: is_waiting(lean)
                or lean.log_text().count("zygote_not_started") > log_before,
                20,
                0.02,
            )
            assert told, describe(calls[index])
            if lean.log_text().count("zygote_not_started") == log_before:
                survived.append((index, calls[index]))
            else:
                check_refused(answer, OVERLOADED)
            tracer.obey("pass")
            wait_well(lean)
    finally:
        tracer.close()

    wrong = [
        f"{index}: {describe(call)}" for index, call in survived
        if NAMES.get(call[0]) not in HARMLESS
    ]  # fmt: skip
    assert not wrong, "a zygote was used though this had failed: " + ", ".join(wrong)
    assert state(lean) == before


# What the front does without where a host does not give it: see confine_front.h.
FRONT_DOES_WITHOUT = {
    "unshare": "namespaces",
    "mount": "empty root",
    "pivot_root": "empty root",
    "umount2": "empty root",
    "landlock_create_ruleset": "landlock",
    "landlock_restrict_self": "landlock",
}
# What it tries in another way before it does without: as root in a user namespace too, and with a
# tmpfs over another folder.
FRONT_TRIES_AGAIN = {"unshare", "mount"}
# PR_CAPBSET_DROP: without capabilities and with no_new_privs there is nothing to gain by exec.
FRONT_HARMLESS = [[157, 24], [157, PR_CAP_AMBIENT]]


def front_layers(service):
    """Those of the last front that has confined itself."""
    told = [line for line in service.log_text().splitlines() if '"front_confined"' in line]
    return len(told), json.loads(told[-1])["layers"].split(", ")


def is_apart(service):
    """Seen from outside: the front has namespaces of its own, and an empty root."""
    front = service.front()
    kinds = ("mnt", "net", "ipc", "uts")
    shared = [k for k in kinds if processes.namespace(front, k) == processes.namespace("self", k)]
    return shared == [] and os.listdir(f"/proc/{front}/root") == []


@pytest.mark.seconds(300)
@pytest.mark.slow
def test_a_front_whose_set_up_fails_anywhere_serves_nobody_or_says_what_it_lacks(lean):
    _, all_layers = front_layers(lean)
    tracer = Tracer(lean.pid)
    try:
        tracer.order("list-confining")
        os.kill(lean.front(), signal.SIGKILL)
        calls = json.loads(tracer.answer())
        assert NAMES.get(calls[-1][0]) == "seccomp"
        wait_well(lean)

        # Before: the C library asks how large the stack is.
        first = next(i for i, call in enumerate(calls) if NAMES.get(call[0]) != "prlimit64")
        wrong = []
        for index in [i for i in ends_of_repetitions(calls) if i >= first]:
            call, name = calls[index], NAMES.get(calls[index][0])
            confined, _ = front_layers(lean)
            deaths = lean.log_text().count("front_died")
            tracer.obey(f"fail-confining {index} {errno.EPERM}")
            os.kill(lean.front(), signal.SIGKILL)
            assert processes.wait_until(
                lambda: front_layers(lean)[0] > confined
                or lean.log_text().count("front_died") > deaths + 1,
                20,
                0.02,
            ), describe(call)
            tracer.obey("pass")
            now, layers = front_layers(lean)
            if now > confined and call not in FRONT_HARMLESS:
                missing = set(all_layers) - set(layers)
                has_tried_again = not missing and name in FRONT_TRIES_AGAIN and is_apart(lean)
                if not has_tried_again and FRONT_DOES_WITHOUT.get(name) not in missing:
                    wrong.append(f"{index}: {describe(call)} {sorted(missing)}")
            if now > confined:
                os.kill(lean.front(), signal.SIGKILL)  # It lacks something, and shall not stay.
            wait_well(lean)
    finally:
        tracer.close()

    assert not wrong, "a front served though this had failed: " + ", ".join(wrong)
    assert front_layers(lean)[1] == all_layers


def test_the_tracer_itself_disturbs_nothing(lean):
    (zygote,) = lean.zygotes()
    tracer = Tracer(zygote)

    for _ in range(5):
        assert lean.execute(CANARY).result == "ran"
        wait_well(lean)

    tracer.close()
    wait_well(lean)
