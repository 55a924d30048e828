"""The service's own Python files, loaded as modules: SNAPJAIL_LIBRARY is the folder they are in."""

import importlib.machinery
import importlib.util
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = Path(os.environ.get("SNAPJAIL_LIBRARY", ROOT / "build/release/lib/snapjail"))


def load(name, file_name):
    path = str(LIBRARY / file_name)
    kind = "ExtensionFileLoader" if path.endswith(".so") else "SourceFileLoader"
    loader = getattr(importlib.machinery, kind)(name, path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


def load_extension():
    return load("_snapjail", "_snapjail.abi3.so")


def load_wrapper():
    return load("wrapper_under_test", "wrapper.py")
