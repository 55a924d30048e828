"""Freezer: keeps processes from running for a while, as a platform does that gives no CPU."""

import contextlib
import os
from pathlib import Path

import pytest


class Freezer:
    """A cgroup whose processes can be kept from running; not by SIGSTOP, which they would see."""

    def __init__(self):
        self.folder, self.switch, self.words = None, None, None
        for parent, switch, words in (
            (Path("/sys/fs/cgroup/freezer"), "freezer.state", ("THAWED", "FROZEN")),
            (Path("/sys/fs/cgroup"), "cgroup.freeze", ("0", "1")),
        ):
            folder = parent / f"snapjail-test-{os.getpid()}"
            with contextlib.suppress(OSError):
                folder.mkdir()
                if (folder / switch).exists():
                    self.folder, self.switch, self.words = folder, folder / switch, words
                    return
                folder.rmdir()
        pytest.skip("no cgroup here that could be frozen")

    def take(self, pids):
        """What these start later is taken along."""
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):  # It has ended meanwhile.
                (self.folder / "cgroup.procs").write_text(str(pid))

    @contextlib.contextmanager
    def frozen(self):
        self.switch.write_text(self.words[1])
        try:
            yield
        finally:
            self.switch.write_text(self.words[0])

    def remove(self):
        self.switch.write_text(self.words[0])
        self.folder.rmdir()
