#!/usr/bin/env python3
"""Runs one command in gVisor on a root filesystem: run_in_gvisor.py ROOT [flags] -- COMMAND ...

What Docker would give a container: its 14 capabilities, masked paths, a read-write root that is
thrown away, /tmp of its own. RUNSC is the program (tests/gvisor/build-runsc). As root.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

DOCKER_CAPABILITIES = """AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE
NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_CHROOT""".split()


def configuration(arguments):
    """An OCI bundle's config.json."""
    names = [] if arguments.cap_drop_all else [*DOCKER_CAPABILITIES, *arguments.cap_add]
    capabilities = [f"CAP_{name}" for name in names]
    effective = capabilities if arguments.user == 0 else []
    mounts = [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"]},
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"},
    ]
    for bind in arguments.bind:
        source, _, target = bind.partition(":")
        mounts.append({"destination": target or source, "type": "bind", "source": source,
                       "options": ["rbind", "ro"]})
    return {
        "ociVersion": "1.0.2",
        "hostname": "gvisor",
        "root": {"path": str(Path(arguments.root).absolute()), "readonly": arguments.read_only},
        "process": {
            "args": arguments.command,
            "cwd": "/",
            "user": {"uid": arguments.user, "gid": arguments.user},
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    *arguments.env],
            "noNewPrivileges": arguments.no_new_privileges,
            "capabilities": {"bounding": capabilities, "permitted": effective,
                             "effective": effective, "inheritable": []},
            "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 65536, "hard": 65536}],
        },
        "mounts": mounts,
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")]
                  + ([] if arguments.network == "host" else [{"type": "network"}])},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", help="a folder with Debian in it, as debootstrap makes")
    parser.add_argument("--platform", default="systrap", choices=("systrap", "ptrace", "kvm"))
    parser.add_argument("--network", default="none", choices=("none", "host"))
    parser.add_argument("--user", type=int, default=0)
    parser.add_argument("--cap-add", action="append", default=[], metavar="NAME")
    parser.add_argument("--cap-drop-all", action="store_true")
    parser.add_argument("--no-new-privileges", action="store_true")
    parser.add_argument("--read-only", action="store_true")
    parser.add_argument("--bind", action="append", default=[], metavar="SOURCE[:TARGET]")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gvisor-") as bundle:
        Path(bundle, "config.json").write_text(json.dumps(configuration(arguments)))
        command = [os.environ.get("RUNSC", "runsc"), f"--root={bundle}/state",
                   f"--platform={arguments.platform}", f"--network={arguments.network}",
                   "--ignore-cgroups", "--overlay2=root:memory", "run", f"--bundle={bundle}",
                   f"gvisor-{os.getpid()}"]
        # Pipes: gVisor writes to a file at an offset of its own, over what stands there.
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as run:
            try:
                for line in run.stdout:
                    sys.stdout.buffer.write(line)
                    sys.stdout.flush()
            except KeyboardInterrupt:
                run.terminate()
        return run.returncode


if __name__ == "__main__":
    sys.exit(main())
