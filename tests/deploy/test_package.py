"""The Debian package: what is in it, that it brings no privilege, and that what it unpacks runs."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from chart import REPOSITORY

BUILD = REPOSITORY / "build/release"
pytestmark = pytest.mark.seconds(300)


def output_of(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"
    return done.stdout


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


def relative_links(page):
    """What a page links to, but for the network and places within itself."""
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    return [link for link in links if "://" not in link]


def test_every_link_of_its_pages_leads_somewhere(unpacked):
    pages = sorted((unpacked / "usr/share/doc/snapjail").rglob("*.md"))
    links = [(page, link) for page in pages for link in relative_links(page)]

    assert len(links) > 50, pages
    assert [(str(page), link) for page, link in links if not (page.parent / link).exists()] == []


def test_the_units_documentation_is_in_it(unpacked):
    unit = (unpacked / "usr/lib/systemd/system/snapjail.service").read_text()
    (page,) = re.findall(r"(?m)^Documentation=file:///(.*)$", unit)

    assert (unpacked / page).is_file()


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
    assert "ucf" in re.split(r"[,\s]+", field("Depends")), "postinst calls it"
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
