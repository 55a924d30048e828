"""What the attacks aim at: listeners, files and a process of the test's own, on this machine.

A service that the tests did not start (SNAPJAIL_URL) may stand in a container that holds none of
them. What a probe asks by number or by path it asks there of what every container has, too: see
numbers() and files_of_the_machine() in probe.py.
"""

import os
import secrets
import socket
import subprocess
import sys
import threading
from pathlib import Path

from service import BINARY, REPOSITORY, Service

POKE = secrets.token_bytes(16)  # What the test itself sends to a listener: no hit.
POKE_SECONDS = 5


class Targets:
    """Everything an attack might reach, and the count of what was reached over a socket."""

    def __init__(self, folder: Path, service):
        self.hits = 0
        self.sockets = []
        self.poked = threading.Semaphore(0)
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
            "library": str(BINARY.parent / "lib" / "snapjail"),
            "victim": self.victim.pid,
            "others": [self.victim.pid, *processes_of(service)],
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
                    is_poke = read_poke(listener.accept()[0])
                else:
                    is_poke = listener.recv(65536) == POKE
            except OSError:
                return  # Closed at the end of the session.
            if is_poke:
                self.poked.release()
            else:
                self.hits += 1

    def count_hits(self):
        """How many have come so far, however recently: each listener takes them in order, and was
        poked after the last of them."""
        for listener in self.sockets:
            address, kind = listener.getsockname(), listener.type
            with socket.socket(listener.family, kind) as poking:
                poking.settimeout(POKE_SECONDS)
                poking.connect(address)
                poking.sendall(POKE)
            assert self.poked.acquire(timeout=POKE_SECONDS), f"nobody listens at {address!r}"
        return self.hits

    def close(self):
        for one in self.sockets:
            one.close()
        self.victim.kill()
        self.victim.wait()


def read_poke(connection):
    """Whether it was the test itself that came; whoever else comes may say nothing, and stay."""
    with connection:
        connection.settimeout(0.2)
        try:
            return connection.recv(len(POKE)) == POKE
        except OSError:
            return False


def processes_of(service):
    """The supervisor, the front and the zygotes of a service that the tests have started."""
    if not isinstance(service, Service):
        return []
    return [service.pid, *service.fronts(), *service.zygotes()]
