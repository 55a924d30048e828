"""warmup.py: a dry run is a script like any other, and asks for no more than the zygote has."""

import sys

import native
import pytest

wrapper = native.load_wrapper()
warmup = native.load_warmup()
WITHOUT, WITH_NUMPY, WITH_PANDAS = (), ("numpy",), ("numpy", "pandas")


def run(text):
    try:
        return wrapper.run(text, "/tmp/script.py")
    finally:
        sys.modules.pop(wrapper.MODULE_NAME, None)


def hide(monkeypatch, *names):
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)


def show(monkeypatch, *names):
    for name in names:
        monkeypatch.setitem(sys.modules, name, sys)


def test_without_imports_the_dry_run_has_none(monkeypatch):
    hide(monkeypatch, "numpy", "pandas")
    assert warmup.narrow() == warmup.NARROW[WITHOUT]
    assert "import" not in warmup.narrow()


@pytest.mark.parametrize("names", [WITH_NUMPY, WITH_PANDAS])
def test_it_uses_what_has_been_imported(monkeypatch, names):
    hide(monkeypatch, "numpy", "pandas")
    show(monkeypatch, *names)
    assert warmup.narrow() == warmup.NARROW[names]
    assert [f"import {name}\n" in warmup.narrow() for name in names] == [True] * len(names)


def test_pandas_alone_is_not_enough(monkeypatch):
    hide(monkeypatch, "numpy", "pandas")
    show(monkeypatch, "pandas")
    assert warmup.narrow() == warmup.NARROW[WITHOUT]


def test_each_script_that_can_run_here_runs(capfd):
    scripts = [warmup.NARROW[WITHOUT], warmup.BROAD]
    for name, names in (("numpy", WITH_NUMPY), ("pandas", WITH_PANDAS)):
        if name in sys.modules:
            scripts.append(warmup.NARROW[names])
    for script in scripts:
        value, fault = run(script)
        assert fault is None, fault.traceback_text
        assert isinstance(value, dict)
    assert "warm" in capfd.readouterr().out
