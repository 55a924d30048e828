"""The systemd unit: what it must not have, for what breaks without it; and the AppArmor profile."""

import os
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from chart import REPOSITORY
from serve_help import defaults
from service import BINARY

UNIT = (REPOSITORY / "deploy/systemd/snapjail.service").read_text()
AFTER_DRAIN_SECONDS = 1  # What the service takes for its last answers.

# A switch that must stay off: what breaks where it is on. Unset is off.
MUST_BE_OFF = {
    "ProtectKernelTunables": "covers parts of /proc: the kernel mounts no new procfs for a jail",
    "ProtectKernelLogs": "covers /proc/kmsg: the same",
    "ProtectProc": "mounts /proc with hidepid: the same",
    "ProcSubset": "mounts a part of /proc: the same",
    "ProtectHostname": "a jail sets its own host name",
    "ProtectControlGroups": "makes cgroups read-only: no limits on a job as a whole",
    "RestrictNamespaces": "namespaces are what jails are made of",
    "PrivateUsers": "ids of slots are not mapped there, and so cannot be given to guests",
    "PrivateNetwork": "nobody could reach the service",
    "MemoryDenyWriteExecute": "holds for scripts too: ctypes makes code at run time",
    "DynamicUser": "guests would have the service's own id",
    "User": "guests would have the service's own id",
    "RootDirectory": "an interpreter and its libraries are found where they are",
    "RootImage": "an interpreter and its libraries are found where they are",
    "InaccessiblePaths": "covers what is bound into a jail, parts of /proc maybe",
    "AmbientCapabilities": "guests would inherit them",
    "IPAddressDeny": "nobody could reach the service",
}
OFF = {"", "no", "false", "off", "0", "default", "all"}
MUST_BE = {
    "Delegate": ("yes", "no cgroups for jobs: nothing bounds their memory as a whole"),
    "KillMode": ("mixed", "SIGTERM would end guests whose jobs are to be finished"),
    "NoNewPrivileges": ("yes", "a setuid program would give back what is taken here"),
    "OOMPolicy": ("continue", "one job out of memory would end the service"),
    "Type": ("exec", "a start that fails would look like a good one"),
}
# System calls that may be denied: neither the service nor a jail's set-up nor a script has them.
# @mount, @privileged, @setuid, @process, @resources, @sandbox and others hold what a jail calls.
MAY_BE_DENIED = {"@clock", "@cpu-emulation", "@module", "@obsolete", "@raw-io", "@reboot", "@swap"}
CAPABILITIES = {"CAP_SETUID", "CAP_SETGID", "CAP_SETFCAP"}
FAMILIES = {"AF_INET", "AF_INET6", "AF_UNIX"}  # Clients by the first two; the service's own.


def parse(text):
    """{name: [value, ...]} of [Service]."""
    section = text.partition("[Service]\n")[2].partition("\n[")[0]
    values = defaultdict(list)
    for name, value in re.findall(r"(?m)^(\w+)=(.*)$", section):
        values[name].append(value.strip())
    return values


def faults(text):
    """What is wrong with a unit, each with its reason."""
    unit = parse(text)
    found = [f"{name}: {why}" for name, why in MUST_BE_OFF.items()
             if any(value.lower() not in OFF for value in unit[name])]
    found += [f"{name} is not {value}: {why}" for name, (value, why) in MUST_BE.items()
              if unit[name] != [value]]
    denied = {name for value in unit["SystemCallFilter"] if value.startswith("~")
              for name in value[1:].split()}
    if any(not value.startswith("~") for value in unit["SystemCallFilter"]):
        found.append("SystemCallFilter: a list of what is allowed misses what scripts may call")
    found += [f"SystemCallFilter: {name} may be called" for name in denied - MAY_BE_DENIED]
    found += [f"CapabilityBoundingSet: without {name} no id map of a jail can be written"
              for name in CAPABILITIES - set(" ".join(unit["CapabilityBoundingSet"]).split())]
    found += [f"RestrictAddressFamilies: {name} is used"
              for name in FAMILIES - set(" ".join(unit["RestrictAddressFamilies"]).split())]
    return found


def test_the_unit_has_nothing_that_breaks_a_jail():
    assert faults(UNIT) == []


ADDED = [*(f"{name}=yes" for name in MUST_BE_OFF), "RestrictNamespaces=cgroup user",
         "ProtectProc=invisible", "ProcSubset=pid", "Delegate=no", "SystemCallFilter=~@mount",
         "SystemCallFilter=@system-service"]


@pytest.mark.parametrize("line", ADDED)
def test_a_line_that_breaks_a_jail_is_seen(line):  # The control.
    (fault,) = faults(UNIT.replace("[Service]\n", f"[Service]\n{line}\n"))

    assert fault.startswith(line.partition("=")[0])


@pytest.mark.parametrize("line", [*(f"{name}={value}" for name, (value, _) in MUST_BE.items()),
                                  "CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_SETFCAP",
                                  "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX"])
def test_a_line_that_a_jail_needs_is_missed(line):  # The control.
    assert f"\n{line}\n" in UNIT

    assert line.partition("=")[0] in " ".join(faults(UNIT.replace(f"\n{line}\n", "\n")))


def test_the_page_gives_a_reason_for_each_line_that_the_unit_leaves_out():
    page = (REPOSITORY / "docs/systemd.md").read_text()
    table = page.partition("| not set | because |")[2].partition("\n\n")[0]
    told = set(re.findall(r"`(\w+)`", table))

    assert told and told <= set(MUST_BE_OFF), told - set(MUST_BE_OFF)


def test_a_stop_waits_for_the_drain_and_the_last_answers():
    (seconds,) = parse(UNIT)["TimeoutStopSec"]

    assert int(seconds) > float(defaults()["SNAPJAIL_DRAIN_TIME"]) + AFTER_DRAIN_SECONDS


def test_systemd_reads_the_unit(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    # Of the package's paths it would say that they are not there.
    text = UNIT.replace("/usr/bin/snapjail", "/bin/true")
    (tmp_path / "snapjail.service").write_text(text)
    verdict = subprocess.run(["systemd-analyze", "verify", tmp_path / "snapjail.service"],
                             capture_output=True, text=True)

    assert verdict.returncode == 0 and not verdict.stderr, verdict.stderr


def test_the_unit_asks_for_no_more_than_the_doctor_needs(own):
    """What it grants is enough, and one capability less is not: the list has nothing to spare."""
    if os.getuid() != 0:
        pytest.skip("only root can give capabilities away")
    (granted,) = parse(UNIT)["CapabilityBoundingSet"]
    names = [name.removeprefix("CAP_").lower() for name in granted.split()]

    def doctor(capabilities):
        added = "".join(f",+{name}" for name in capabilities)
        return subprocess.run(["setpriv", f"--bounding-set=-all{added}", "--inh-caps=-all",
                               "--no-new-privs", BINARY, "doctor"],
                              capture_output=True, text=True, timeout=60)

    assert doctor(names).returncode == 0, doctor(names).stdout
    for one in names:
        assert doctor([name for name in names if name != one]).returncode != 0, one


def test_apparmor_reads_the_profile():
    parser = shutil.which("apparmor_parser", path="/sbin:/usr/sbin:/bin:/usr/bin")
    if parser is None or not Path("/etc/apparmor.d/abi/4.0").exists():
        pytest.skip("no AppArmor 4 here: older ones do not know the rule `userns`")
    done = subprocess.run([parser, "-QTK", REPOSITORY / "deploy/apparmor/snapjail"],
                          capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
