"""The package, made once for all tests of it."""

import shutil
import subprocess

import pytest
from chart import REPOSITORY


@pytest.fixture(scope="session")
def package():
    if shutil.which("dpkg-deb") is None or shutil.which("dpkg-shlibdeps") is None:
        pytest.skip("packages are made with dpkg-dev")
    made = subprocess.run([REPOSITORY / "tools/build-preset", "release", "package"],
                          capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    (file,) = (REPOSITORY / "build/release").glob("snapjail_*.deb")
    return file
