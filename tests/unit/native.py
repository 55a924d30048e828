"""The service's own Python files, loaded as modules: SNAPJAIL_LIBRARY is the folder they are in."""

import importlib.machinery
import importlib.util
import os
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = Path(os.environ.get("SNAPJAIL_LIBRARY", ROOT / "build/release/lib/snapjail"))


def load_extension():
    path = str(LIBRARY / "_snapjail.abi3.so")
    loader = importlib.machinery.ExtensionFileLoader("_snapjail", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("_snapjail", loader))
    loader.exec_module(module)
    return module


def load(name):
    """Under its name in a jail: a build folder below /tmp would look like a script's."""
    module = types.ModuleType(f"{name}_under_test")
    source = (LIBRARY / f"{name}.py").read_bytes()
    exec(compile(source, f"/snapjail/{name}.py", "exec"), module.__dict__)
    return module


def load_wrapper():
    return load("wrapper")


def load_warmup():
    return load("warmup")
