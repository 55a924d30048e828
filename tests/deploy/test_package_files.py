"""What becomes of the files in /etc, by dpkg itself in a throwaway root: Debian's policy 10.7.3."""

import shutil
import subprocess

import pytest
import throwaway_root

pytestmark = pytest.mark.seconds(300)
PROFILE = "/etc/apparmor.d/snapjail"
# Instead of AppArmor's: says what it was asked for, and reads what /reads allows it to.
PARSER = """#!/bin/sh
echo "$@" >>/parser.log
[ -e /reads ]
"""
INSTALL, UPGRADE = "dpkg --force-depends -i /old.deb", "dpkg --force-depends -i /new.deb"
EDIT, SHOW = f"echo '# mine' >>{PROFILE}", f"echo; echo ==; cat {PROFILE}"


def made_newer(package, folder):
    """The package with another version and another profile."""
    tree = folder / "tree"
    subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace("\nVersion: ", "\nVersion: 9:"))
    with (tree / "usr/share/snapjail/apparmor/snapjail").open("a") as profile:
        profile.write("# new\n")
    (tree / "DEBIAN/md5sums").unlink()
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, folder / "new.deb"],
                   check=True, capture_output=True)
    shutil.rmtree(tree)


@pytest.fixture(scope="module")
def files(package, tmp_path_factory):
    """Both packages and the parser, as they lie in the throwaway root."""
    if obstacle := throwaway_root.obstacle():
        pytest.skip(obstacle)
    folder = tmp_path_factory.mktemp("files")
    shutil.copy(package, folder / "old.deb")
    made_newer(package, folder)
    parser = folder / "usr/sbin/apparmor_parser"
    parser.parent.mkdir(parents=True)
    parser.write_text(PARSER)
    parser.chmod(0o755)
    (folder / "etc/apparmor.d").mkdir(parents=True)
    return folder


@pytest.fixture
def run(files):
    """Runs commands, with a parser that knows the profile unless told otherwise. What they print
    behind a line of ==, or all of it."""

    def run(*commands, reads=True):
        script = "\n".join([": >/reads" if reads else "true", *commands])
        done = throwaway_root.run(files, script)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.rpartition("\n==\n")[2]

    return run


def test_a_new_parser_gets_the_profile(run):
    assert "userns," in run(INSTALL, SHOW)
    assert f"-rTW {PROFILE}" in run(INSTALL, "echo; echo ==; cat /parser.log")


def test_an_old_parser_gets_none(run):
    """One that it cannot read would fail apparmor.service with all that is in the folder."""
    listed = run(INSTALL, "echo; echo ==; ls /etc/apparmor.d; cat /parser.log", reads=False)

    assert "snapjail\n" not in listed.splitlines()
    assert "-r" not in listed


@pytest.mark.parametrize("command", [UPGRADE, "dpkg-reconfigure snapjail"])
def test_a_parser_that_came_later_gets_it_then(run, command):
    assert "userns," in run("rm /reads", INSTALL, ": >/reads", command, SHOW)


def test_an_upgrade_brings_the_new_profile(run):
    assert "# new" in run(INSTALL, UPGRADE, SHOW)


def test_an_upgrade_keeps_a_profile_that_was_edited(run):
    kept = run(INSTALL, EDIT, UPGRADE, SHOW)

    assert kept.endswith("# mine\n") and "# new" not in kept


def test_an_upgrade_keeps_a_profile_that_was_there_before(run):
    """By hand, or by a version of the package that told nobody of it."""
    assert run(f"echo '# mine' >{PROFILE}", INSTALL, UPGRADE, SHOW) == "# mine\n"


def test_an_upgrade_does_not_bring_back_what_was_deleted(run):
    assert run(INSTALL, f"rm {PROFILE}", UPGRADE, f"echo; echo ==; ls {PROFILE} || true") == ""


def test_a_removal_keeps_the_profile(run):
    assert run(INSTALL, EDIT, "dpkg -r snapjail", SHOW).endswith("# mine\n")


def test_a_purge_takes_all(run):
    left = run(INSTALL, EDIT, UPGRADE, "dpkg -P snapjail",
               "echo; echo ==; ls -d /etc/apparmor.d/snapjail* /etc/default/snapjail "
               "/usr/share/doc/snapjail || true; ucfq --with-colons snapjail")

    assert left.strip() == ""


def test_a_purge_does_without_ucf(run):
    run(INSTALL, "rm /usr/bin/ucf /usr/bin/ucfr", "dpkg -P snapjail", f"[ ! -e {PROFILE} ]")


def test_settings_that_were_edited_are_kept(run):
    kept = run(INSTALL, "echo PORT=9 >/etc/default/snapjail", "dpkg -r snapjail",
               "echo; echo ==; cat /etc/default/snapjail")

    assert kept == "PORT=9\n"
