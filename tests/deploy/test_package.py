"""The Debian package: what is in it, that it brings no privilege, and that what it unpacks runs."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from chart import REPOSITORY

BUILD = REPOSITORY / "build/release"
UNIT = REPOSITORY / "deploy/systemd/snapjail.service"
pytestmark = pytest.mark.seconds(300)


def output_of(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def package():
    if shutil.which("dpkg-deb") is None or shutil.which("dpkg-shlibdeps") is None:
        pytest.skip("packages are made with dpkg-dev")
    output_of(REPOSITORY / "tools/build-preset", "release", "package")
    (made,) = BUILD.glob("snapjail_*.deb")
    return made


@pytest.fixture(scope="module")
def unpacked(package):
    folder = BUILD / "unpacked"
    shutil.rmtree(folder, ignore_errors=True)
    output_of("dpkg-deb", "-x", package, folder)
    yield folder
    shutil.rmtree(folder)


def test_it_holds_program_library_settings_unit_and_profile(unpacked):
    for path in ("usr/bin/snapjail", "usr/lib/snapjail/_snapjail.abi3.so",
                 "etc/default/snapjail", "usr/lib/systemd/system/snapjail.service",
                 "usr/share/snapjail/apparmor/snapjail", "usr/share/doc/snapjail/copyright"):
        assert (unpacked / path).is_file(), path


def test_its_library_is_the_builds(unpacked):
    names = lambda folder: {one.name for one in folder.iterdir() if one.is_file()}

    assert names(unpacked / "usr/lib/snapjail") == names(BUILD / "lib/snapjail")


def test_no_file_brings_privilege(package):
    listing = output_of("dpkg-deb", "-c", package).splitlines()

    assert listing
    for line in listing:
        mode, owner = line.split()[:2]
        assert re.fullmatch(r"[-dl][r-][w-][x-][r-]-[x-][r-]-[x-]", mode), line
        assert owner == "root/root", line


def test_it_needs_python_and_only_recommends_the_rest(package):
    field = lambda name: output_of("dpkg-deb", "-f", package, name)

    assert re.search(r"\bpython3 \(", field("Depends"))
    assert "libseccomp2" in field("Depends")
    assert {"python3-numpy", "python3-pandas"} <= set(re.split(r"[,\s]+", field("Recommends")))
    assert "numpy" not in field("Depends")


def test_what_it_unpacks_runs_a_script(unpacked, tmp_path):
    (tmp_path / "script.py").write_text("def main(): return 6 * 7\n")
    environment = {**os.environ, "PYTHON_BIN": "/usr/bin/python3"}
    environment.pop("SNAPJAIL_LIBRARY", None)  # It has to find its own.
    done = subprocess.run([unpacked / "usr/bin/snapjail", "run", tmp_path / "script.py"],
                          capture_output=True, text=True, env=environment)

    assert done.stdout.strip() == "42", done.stderr


# The unit and the profile.


def unit_value(name):
    return re.findall(rf"(?m)^{name}=(.*)$", UNIT.read_text())


def test_systemd_reads_the_unit(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    # Of the package's path it would say that the program is not there.
    text = UNIT.read_text().replace("/usr/bin/snapjail", "/bin/true")
    (tmp_path / "snapjail.service").write_text(text)
    verdict = subprocess.run(["systemd-analyze", "verify", tmp_path / "snapjail.service"],
                             capture_output=True, text=True)

    assert verdict.returncode == 0 and not verdict.stderr, verdict.stderr


def test_the_unit_asks_for_no_more_than_the_doctor_needs(own):
    """What it grants is enough, and one capability less is not: the list has nothing to spare."""
    if os.getuid() != 0:
        pytest.skip("only root can give capabilities away")
    (granted,) = unit_value("CapabilityBoundingSet")
    names = [name.removeprefix("CAP_").lower() for name in granted.split()]
    assert unit_value("NoNewPrivileges") == ["yes"]

    def doctor(capabilities):
        added = "".join(f",+{name}" for name in capabilities)
        return subprocess.run(["setpriv", f"--bounding-set=-all{added}", "--inh-caps=-all",
                               "--no-new-privs", BUILD / "snapjail", "doctor"],
                              capture_output=True, text=True, timeout=60)

    assert doctor(names).returncode == 0, doctor(names).stdout
    for one in names:
        assert doctor([name for name in names if name != one]).returncode != 0, one


def test_the_unit_leaves_out_what_breaks_a_jail():
    for name in ("ProtectKernelTunables", "ProtectKernelLogs", "ProtectProc", "ProcSubset",
                 "ProtectHostname", "MemoryDenyWriteExecute", "User", "DynamicUser"):
        assert unit_value(name) == [], name
    assert unit_value("RestrictNamespaces") == ["no"]
    assert unit_value("KillMode") == ["mixed"]
    assert int(unit_value("TimeoutStopSec")[0]) > 10


def test_apparmor_reads_the_profile():
    parser = shutil.which("apparmor_parser", path="/sbin:/usr/sbin:/bin:/usr/bin")
    if parser is None or not Path("/etc/apparmor.d/abi/4.0").exists():
        pytest.skip("no AppArmor 4 here: older ones do not know the rule `userns`")
    output_of(parser, "-QTK", str(REPOSITORY / "deploy/apparmor/snapjail"))
