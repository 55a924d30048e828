"""What `snapjail serve --help` says: every setting's variable, and its default."""

import functools
import re
import subprocess

from service import BINARY


@functools.cache
def settings():
    """{variable: default or None}."""
    shown = subprocess.run([BINARY, "serve", "--help"], capture_output=True, text=True, check=True)
    rows = re.findall(r"(?m)^  --\S+ [^\s=]+(?:=(\S+))? \(Env:(\w+)\)$", shown.stdout)
    assert len(rows) == shown.stdout.count("(Env:"), shown.stdout
    return {name: default or None for default, name in rows}


def variables():
    return set(settings())


def defaults():
    return {name: default for name, default in settings().items() if default is not None}
