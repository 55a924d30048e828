"""This machine's files, to install a package into and throw away: an overlay on /, in tmpfs."""

import os
import subprocess
import tempfile
from pathlib import Path

# $1: an empty folder; $2: a folder whose files go to the new root; $3: what runs there.
SETUP = """
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$1/root" || exit 77
cp -r "$2/." "$1/root/"
mount --bind /proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs tmpfs "$1/root/run"
exec chroot "$1/root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \\
    sh -ec "$3"
"""
NO_OVERLAY = 77


def obstacle():
    """Why there can be none here, or nothing."""
    if os.getuid() != 0:
        return "to install a package takes root"
    return "" if run(".", "true").returncode != NO_OVERLAY else "no overlay on / here"


def run(files, script):
    """Runs a shell script there, after the files of a folder have been put in."""
    with tempfile.TemporaryDirectory(prefix="snapjail-root-", dir="/var/tmp") as folder:
        return subprocess.run(
            ["unshare", "--mount", "sh", "-ec", SETUP, "sh", folder, Path(files).absolute(),
             script], capture_output=True, text=True, check=False)  # fmt: skip
