#!/usr/bin/env python3
"""Runs clang-tidy 14 on every source of src/ and bench/ that has changed since it was clean.

clang_tidy.py BUILD_FOLDER: reads compile_commands.json there (preset clang: its flags are clang's).
Beast's headers make a file take up to a minute, so a clean result is remembered in
BUILD_FOLDER/clang-tidy/ under a hash of all it depends on: the file, every header of ours that it
reaches, the flags, .clang-tidy and clang-tidy's version. Findings are never remembered.
"""
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
BENCH = ROOT / "bench"
CLANG_TIDY = "clang-tidy-14"


def own_includes(path, seen):
    """Adds `path` and each file of ours that it includes, however indirectly, to `seen`."""
    if path in seen or not path.is_file():
        return seen
    seen.add(path)
    for name in re.findall(r'^\s*#\s*include\s*"([^"]+)"', path.read_text(), flags=re.M):
        for folder in (SRC, BENCH, path.parent):
            own_includes((folder / name).resolve(), seen)
    return seen


def key_of(entry, settings):
    digest = hashlib.sha256(settings + entry["command"].encode())
    for path in sorted(own_includes(Path(entry["file"]), set())):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def findings_of(entry, build):
    """What clang-tidy says about one file; empty when it is clean."""
    command = [CLANG_TIDY, "--quiet", "-p", str(build),
               "--extra-arg=-Wno-unknown-warning-option", entry["file"]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip()


def main():
    build = Path(sys.argv[1]).resolve()
    cache = build / "clang-tidy"
    cache.mkdir(parents=True, exist_ok=True)
    version = subprocess.run([CLANG_TIDY, "--version"], capture_output=True, check=True).stdout
    settings = version + (ROOT / ".clang-tidy").read_bytes()
    try:
        commands = json.loads((build / "compile_commands.json").read_text())
    except OSError as error:
        sys.exit(f"clang_tidy.py: {error}: run tools/build-preset {build.name} first")
    entries = {e["file"]: e for e in commands
               if any(Path(e["file"]).is_relative_to(folder) for folder in (SRC, BENCH))}
    keys = {name: key_of(entry, settings) for name, entry in entries.items()}
    stale = [name for name in sorted(entries) if not (cache / keys[name]).exists()]
    jobs = int(os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL") or len(os.sched_getaffinity(0)))

    def check(name):
        start = time.monotonic()
        findings = findings_of(entries[name], build)
        if not findings:
            (cache / keys[name]).touch()
        shown = Path(name).relative_to(ROOT)
        print(f"{shown}: {'findings' if findings else 'clean'}, {time.monotonic() - start:.1f} s"
              + (f"\n{findings}" if findings else ""), flush=True)
        return bool(findings)

    with ThreadPoolExecutor(jobs) as pool:
        bad = sum(pool.map(check, stale))
    for old in cache.iterdir():
        if old.name not in keys.values():
            old.unlink()
    print(f"clang_tidy.py: {len(entries)} files, {len(stale)} looked at, {bad} with findings")
    return 1 if bad or not entries else 0


if __name__ == "__main__":
    sys.exit(main())
