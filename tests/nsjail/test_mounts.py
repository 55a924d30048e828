"""What a script in a real jail sees of what a configuration mounts."""

import ctypes
import os

import pytest

pytestmark = pytest.mark.seconds(120)


def test_a_bind_is_read_only_all_the_way_down_and_noexec_where_asked(run, tmp_path):
    data = tmp_path / "data"
    (data / "below").mkdir(parents=True)
    (data / "below/file").write_text("content")
    tool = data / "tool"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    for folder in (tmp_path, data, data / "below"):
        folder.chmod(0o755)
    config = f"""
        mount {{ src: "{data}" dst: "/data" is_bind: true }}
        mount {{ src: "{data}" dst: "/plain" is_bind: true noexec: true }}
    """
    script = """import os, subprocess
def attempt(call):
    try:
        return call()
    except OSError as error:
        return error.strerror
def main():
    return [open('/data/below/file').read(),
            attempt(lambda: open('/data/below/new', 'w').name),
            attempt(lambda: subprocess.call(['/data/tool'])),
            attempt(lambda: subprocess.call(['/plain/tool'])),
            bool(os.statvfs('/data').f_flag & os.ST_RDONLY)]
"""
    content, write, plain, forbidden, is_read_only = run(config, script)
    assert (content, plain, is_read_only) == ("content", 0, True)
    assert write in ("Read-only file system", "Permission denied")
    assert forbidden == "Permission denied"


def test_what_is_mounted_below_a_bind_is_read_only_too(run, tmp_path):
    """As on Kubernetes, where the kubelet's /etc/hosts is a mount of its own below /etc."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount something below the folder first")
    below = tmp_path / "data/below"
    below.mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "data"):
        folder.chmod(0o755)

    def mount_below():
        libc = ctypes.CDLL(None, use_errno=True)
        new_namespace, private_all = 0x20000, 0x44000
        assert libc.unshare(new_namespace) == 0
        assert libc.mount(b"none", b"/", None, private_all, None) == 0
        # Writable for everybody, so that nothing but the mount's own flag forbids it.
        assert libc.mount(b"none", str(below).encode(), b"tmpfs", 0, b"mode=0777") == 0
        (below / "file").write_text("of the mount below")

    script = """import os
def attempt(path):
    try:
        return open(path, 'w').name
    except OSError as error:
        return error.strerror
def main():
    flags = [os.statvfs(path).f_flag for path in ('/data', '/data/below')]
    return [open('/data/below/file').read(),
            attempt('/data/below/new'), attempt('/data/below/file'),
            [bool(f & bit) for f in flags for bit in (os.ST_RDONLY, os.ST_NOSUID, os.ST_NODEV)]]
"""
    config = f'mount {{ src: "{tmp_path}/data" dst: "/data" is_bind: true }}'
    content, new, old, flags = run(config, script, before=mount_below)
    assert content == "of the mount below"
    assert (new, old) == ("Read-only file system",) * 2
    assert flags == [True] * 6


def test_a_file_a_link_and_an_optional_bind(run):
    config = """
        mount { src_content: "key=value" dst: "/etc/app.conf" }
        mount { src: "/etc/app.conf" dst: "/link" is_symlink: true }
        mount { src: "/nowhere" dst: "/missing" is_bind: true mandatory: false }
    """
    script = """import os
def main():
    return [open('/etc/app.conf').read(), open('/link').read(), os.path.exists('/missing')]
"""
    assert run(config, script) == ["key=value", "key=value", False]


def test_a_prefix_from_the_environment_stands_before_source_and_destination(run, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "file").write_text("content")
    tmp_path.chmod(0o755)
    config = """
        mount { prefix_src_env: "PLACE" src: "/data" dst: "/from" is_bind: true }
        mount { src_content: "x" prefix_dst_env: "FROM_OUTSIDE_SLASH" dst: "/file" }
    """
    script = "def main(): return [open('/from/file').read(), open('/seen/file').read()]"
    assert run(config, script) == ["content", "x"]


def test_a_bind_of_one_file_is_that_file(run, tmp_path):
    (tmp_path / "one").write_text("content")
    tmp_path.chmod(0o755)
    config = f'mount {{ src: "{tmp_path}/one" dst: "/conf/one" is_bind: true }}'
    script = "import os\ndef main(): return [open('/conf/one').read(), os.listdir('/conf')]"
    assert run(config, script) == ["content", ["one"]]


def test_a_bind_and_a_tmpfs_have_no_devices_and_no_setuid(run, tmp_path):
    tmp_path.chmod(0o755)
    config = f"""
        mount {{ src: "{tmp_path}" dst: "/data" is_bind: true }}
        mount {{ dst: "/own" fstype: "tmpfs" rw: true }}
    """
    script = """import os
def main():
    flags = [os.statvfs(path).f_flag for path in ('/data', '/own')]
    return [[bool(f & bit) for bit in (os.ST_RDONLY, os.ST_NOSUID, os.ST_NODEV, os.ST_NOEXEC)]
            for f in flags]
"""
    assert run(config, script) == [[True, True, True, False], [False, True, True, True]]


def test_nr_inodes_bounds_the_files_of_a_tmpfs(run):
    config = 'mount { dst: "/own" fstype: "tmpfs" rw: true options: "size=1m,nr_inodes=5" }'
    script = """import errno
def main():
    for count in range(10):
        try:
            open(f'/own/{count}', 'w').close()
        except OSError as error:
            return [count, errno.errorcode[error.errno]]
"""
    assert run(config, script) == [4, "ENOSPC"]  # The folder itself is one.


def test_a_tmpfs_has_its_size_and_may_be_read_only(run):
    config = """
        mount { dst: "/tmp" fstype: "tmpfs" rw: true options: "size=2m" }
        mount { dst: "/dev/shm" fstype: "tmpfs" rw: true options: "size=1m" }
        mount { dst: "/empty" fstype: "tmpfs" options: "size=1m" }
    """
    script = """import os
def fill(path, size):
    try:
        with open(path, 'wb') as file:
            file.write(bytes(size))
        return 'fits'
    except OSError as error:
        return error.strerror
def main():
    return [fill('/tmp/a', 1 << 20), fill('/tmp/b', 2 << 20), fill('/dev/shm/a', 1 << 19),
            fill('/dev/shm/b', 1 << 20), fill('/empty/a', 1)]
"""
    full = "No space left on device"
    assert run(config, script)[:4] == ["fits", full, "fits", full]
    assert run(config, script)[4] in ("Read-only file system", "Permission denied")
