"""What the attacks aim at: listeners, files and a process of the test's own, on this machine."""

import os
import secrets
import socket
import subprocess
import sys
import threading
from pathlib import Path

from service import REPOSITORY


class Targets:
    """Everything an attack might reach, and the count of what was reached over a socket."""

    def __init__(self, folder: Path, service):
        self.hits = 0
        self.sockets = []
        self.token = "t" + secrets.token_hex(5)  # At most 15 letters: it becomes a process's name.
        secret = folder / "secret"
        secret.write_text("the host's secret")
        self.victim = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(1e6)"],
            env={"VICTIM_SECRET": "the victim's secret"},
        )
        self.offered = {
            "token": self.token,
            "tcp4": self._listen(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            "tcp6": self._listen(socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0)),
            "udp4": self._listen(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            "udp6": self._listen(socket.AF_INET6, socket.SOCK_DGRAM, ("::1", 0)),
            "unix": self._listen(socket.AF_UNIX, socket.SOCK_STREAM, str(folder / "unix.socket")),
            "abstract": self._listen(socket.AF_UNIX, socket.SOCK_STREAM, f"\0{self.token}"),
            "service": service.port,
            "folder": str(folder),
            "secret": str(secret),
            "repository": str(REPOSITORY),
            "victim": self.victim.pid,
            "uid": os.getuid(),
        }

    def _listen(self, family, kind, address):
        """The port, or the path, of a listener that counts whoever comes; None without IPv6."""
        listener = socket.socket(family, kind)
        try:
            listener.bind(address)
        except OSError:
            assert family == socket.AF_INET6, f"cannot bind {address!r}"
            listener.close()
            return None
        if kind == socket.SOCK_STREAM:
            listener.listen()
        self.sockets.append(listener)
        threading.Thread(target=self._count, args=(listener, kind), daemon=True).start()
        return address if family == socket.AF_UNIX else listener.getsockname()[1]

    def _count(self, listener, kind):
        while True:
            try:
                if kind == socket.SOCK_STREAM:
                    listener.accept()[0].close()
                else:
                    listener.recv(65536)
            except OSError:
                return  # Closed at the end of the session.
            self.hits += 1

    def close(self):
        for one in self.sockets:
            one.close()
        self.victim.kill()
        self.victim.wait()
