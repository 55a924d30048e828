"""Writes the table of tests/README.md: each row of the edge cases with the tests that name it.

    python3 tests/table_of_rows.py            prints the table
    python3 tests/table_of_rows.py --write    puts it into the README

A test names a row in a comment within its own lines, or above or beside its decorators: `# D-13`.
A comment on a line of its own, then a blank line, names the rows of all tests until the next such
comment or a test that names its own. Rows in the first line of a file are those of all its tests.
"""

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROWS = range(1, 82)
BEGIN, END = "<!-- rows: written by table_of_rows.py -->", "<!-- end of rows -->"

# Why a row has no test over HTTP, or only a part of one.
WITHOUT = {
    31: "no artifact files are collected; the bounds on what a job may write are tested",
    32: "there are no input files; names that a script chooses itself are tested",
    33: "splice and tee are in escape/attack_splice.py",
    38: "which process the kernel picks cannot be provoked without risk to the machine",
    44: "escape/attack_set_clock.py; a jump of the machine's clock is never made",
    58: "escape/attack_files_setuid.py, attack_files_own_setuid.py",
    59: "escape/attack_files_parent_of_root.py, attack_mount_chroot.py, attack_proc_own_root.py",
    62: "requests have no seed; a script that seeds is tested",
    67: "memory per guest is measured in bench/, not asserted",
    68: "there are no sessions",
    69: "there are no sessions",
    70: "there are no branches",
    71: "there are no branches",
    72: "needs other hosts: deploy/ and CI",
    73: "faults/test_fail_closed.py",
    81: "there are no idempotency keys; that faults are 400 is checked of every answer",
}
ATTACKS = {
    45: "abstract_socket, sysv_ipc, posix_message_queue, left_shared_memory",
    46: "keyrings",
    47: "lock_*, leases, fanotify",
    48: "net_every_family and a file for each family",
    49: "net_tcp4, net_tcp6, net_udp*, net_dns_query, net_service, net_unix_*",
    50: "io_uring, userfaultfd, bpf, ptrace, process_vm, clone3, mount_*, unshare_*, setns, ...",
    51: "int80, x32",
    52: "proc_*, sys_*",
    53: "kill_*, owner_of_a_pipe",
    54: "files_descriptors_to_folders",
    55: "files_write_*, files_change_shared, files_of_another_job",
    60: "files_usual_secrets, proc_own_environment",
    43: "priority, raise_limits, limits_of_others, lock_memory, sys_cgroups",
}


def numbers(text):
    found = set()
    for first, last in re.findall(r"D-(\d+)(?: to D-(\d+))?", text):
        found.update(range(int(first), int(last or first) + 1))
    return found


def tests_by_row():
    rows = {}
    for path in sorted((HERE / "contract").glob("test_*.py")):
        section, pending = set(), set()
        name = None
        lines = path.read_text().splitlines()
        whole_file = numbers(lines[0])
        for at, line in enumerate(lines):
            comment = line.partition("#")[2]
            if re.match(r"# .*D-\d", line):
                following = lines[at + 1] if at + 1 < len(lines) else ""
                if following.strip() and not following.startswith("#"):
                    pending |= numbers(comment)
                else:
                    section = numbers(comment)
            elif line.startswith("# ") and at and not lines[at - 1].strip():
                section = set()
            match = re.match(r"def (test_\w+)", line)
            if match:
                name = f"{path.stem.removeprefix('test_')}: {match[1].removeprefix('test_')}"
                own = pending | numbers(comment)
                section = set() if own else section
                for row in own | section | whole_file:
                    rows.setdefault(row, []).append(name)
                pending = set()
            elif re.match(r"@|    |\)", line) and "D-" in comment:
                if line.startswith("@") or not name or in_decorator(lines, at):
                    pending |= numbers(comment)
                else:
                    for row in numbers(comment):
                        rows.setdefault(row, []).append(name)
    return rows


def in_decorator(lines, at):
    """Whether line `at` stands above a def rather than in a body."""
    for line in reversed(lines[:at]):
        if line.startswith("@"):
            return True
        if line.startswith("def "):
            return False
    return False


def table():
    rows = tests_by_row()
    out = [
        "| row | tests in `contract/`, as file: claim | attacks in `escape/`, notes |",
        "|---|---|---|",
    ]
    for row in ROWS:
        tests = list(dict.fromkeys(rows.get(row, [])))
        shown = "<br>".join(name.replace("_", " ") for name in tests[:6])
        more = f"<br>and {len(tests) - 6} more" if len(tests) > 6 else ""
        note = "; ".join(filter(None, [ATTACKS.get(row), WITHOUT.get(row)]))
        out.append(f"| D-{row} | {shown}{more or ('' if shown else '–')} | {note} |")
    return "\n".join(out)


def main():
    if "--write" not in sys.argv:
        print(table())
        return
    readme = HERE / "README.md"
    before, rest = readme.read_text().split(BEGIN)
    readme.write_text(before + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
