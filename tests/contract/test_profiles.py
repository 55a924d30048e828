"""Each job runs in a guest that has imported little more than it needs, and is not told so."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import processes
import pytest
from service import under_way

HELLO = "def main():\n    return 'hello'\n"
LOADED = (
    "import sys\nbefore = sorted({{name.split('.')[0] for name in sys.modules}})\n{0}\n"
    "def main():\n    return before\n"
)
PANDAS = "import pandas as pd\ndef main():\n    return int(pd.Series([1, 2, 3]).sum())\n"


def loaded_for(service, imports):
    """What was there before the script imported anything, when a guest of each profile waits: a job
    that finds none of the leanest goes to a richer one."""

    def all_have_one():
        profiles = service.ask("GET", "/health").json["profiles"]
        return all(counts["waiting"] for counts in profiles.values())

    assert processes.wait_until(all_have_one, 20)
    return set(service.execute(LOADED.format(imports)).result)


@pytest.fixture
def warm(mode):
    if mode != "warm":
        pytest.skip("cold mode: nothing is imported ahead")


@pytest.mark.parametrize(
    ("imports", "has", "lacks"),
    [
        ("", {"os", "re"}, {"json", "random", "numpy", "pandas"}),
        ("import math, collections", {"math"}, {"json", "numpy", "pandas"}),
        ("import json", {"json", "random", "datetime"}, {"numpy", "pandas"}),
        ("import numpy as np", {"json", "numpy"}, {"pandas"}),
        ("from numpy import linalg", {"numpy"}, {"pandas"}),
        ("import pandas as pd", {"numpy", "pandas"}, set()),
        ("import os, numpy; import pandas", {"numpy", "pandas"}, set()),
    ],
)
def test_a_guest_has_what_its_script_imports_and_little_more(service, warm, imports, has, lacks):
    loaded = loaded_for(service, imports)

    assert has <= loaded
    assert not lacks & loaded


@pytest.mark.parametrize(
    "script",
    [
        "def main():\n    return int(__import__('pandas').Series([1, 2, 3]).sum())\n",
        "def main():\n    import importlib\n"
        "    return int(importlib.import_module('pandas').Series([1, 2, 3]).sum())\n",
        "exec('import pandas as pd')\ndef main():\n    return int(pd.Series([1, 2, 3]).sum())\n",
        "text = '''\nimport numpy\n'''\ndef main():\n    return 6\n",
    ],
)
def test_a_wrong_guess_changes_no_answer(service, script):
    assert service.execute(script).result == 6


def test_health_has_each_profile(service, warm):
    profiles = service.ask("GET", "/health").json["profiles"]

    assert list(profiles) == ["base", "stdlib", "numpy", "data"]
    for counts in profiles.values():
        assert set(counts) == {"waiting", "running"}


def test_two_slots_serve_four_profiles(start, warm):
    service = start({}, ["--slots=2"])
    imports = ["", "import json", "import numpy", "import pandas"] * 10
    scripts = [f"{line}\ndef main():\n    return {i}\n" for i, line in enumerate(imports)]

    answers = service.execute_all(scripts, threads=8)

    assert [answer.result for answer in answers] == list(range(40))


def test_one_slot_serves_them_too(start, warm):
    service = start({}, ["--slots=1"])

    for line in ["import pandas", "", "import numpy", "import json", "import pandas"] * 2:
        assert service.execute(f"{line}\ndef main():\n    return 1\n").result == 1


def test_the_death_of_one_profiles_zygote_is_nothing_to_the_others(start, warm):
    service = start()
    zygotes = {processes.command_line(pid).split("zygote.py ")[1].split()[0]: pid
               for pid in service.zygotes()}
    assert set(zygotes) == {"base", "stdlib", "numpy", "data"}

    os.kill(zygotes["data"], signal.SIGKILL)

    assert service.execute(HELLO).result == "hello"
    # A job that comes before the front has seen it may still be given to a guest that is dying.
    assert processes.wait_until(lambda: "zygote lost" in service.log_text(), 5)
    assert service.execute(PANDAS).result == 6
    assert {zygotes[name] for name in ("base", "stdlib", "numpy")} <= set(service.zygotes())


def test_profiles_of_ones_own(start, warm):
    service = start({}, ["--profiles=lean=;own=uuid,numpy.linalg"])

    assert list(service.ask("GET", "/health").json["profiles"]) == ["lean", "own"]
    assert not {"uuid", "numpy"} & loaded_for(service, "import json")
    assert {"uuid", "numpy"} <= loaded_for(service, "import uuid")


def test_preload_is_short_for_two(start, warm):
    service = start({"SNAPJAIL_PRELOAD": "numpy"})

    assert list(service.ask("GET", "/health").json["profiles"]) == ["base", "data"]
    assert {"json", "numpy"} <= loaded_for(service, "import numpy")


@pytest.fixture
def other_python():
    """An interpreter with a module that no other has; not below /tmp, which is each job's own."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="snapjail-") as folder:
        Path(folder).chmod(0o755)
        make = [sys.executable, "-m", "venv", "--without-pip", f"{folder}/venv"]
        subprocess.run(make, check=True)
        (site,) = Path(folder).glob("venv/lib/python3*/site-packages")
        (site / "only_there.py").write_text("VALUE = 42\n")
        yield Path(folder, "venv/bin/python")


@pytest.mark.full_tier("the roots of tier process are laid for one interpreter")
def test_a_profile_has_an_interpreter_of_its_own(start, warm, other_python):
    own = str(other_python.parent.parent)
    service = start({}, [f"--profiles=base=;data=numpy;own=only_there@{other_python}"])
    where = "import sys\n{}\ndef main():\n    return sys.prefix\n"

    usual = service.execute(where.format("")).result
    assert usual != own
    assert service.execute(where.format("import numpy")).result == usual
    there = where.format("import json, collections\nimport only_there")
    assert service.execute(there).result == own
    # However many want it at once, nobody is sent there for want of a guest, and nobody else here.
    answers = service.execute_all([where.format(""), there] * 15)
    assert [answer.result for answer in answers] == [usual, own] * 15


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("numpy", "NAME=MODULE"),
        ("a=;a=", "two profiles named 'a'"),
        ("a=no-module", "not the name of a module"),
        ("a=json@/nowhere/python", "/nowhere/python"),
        (";".join(f"p{i}=" for i in range(9)), "9 profiles"),
    ],
)
def test_profiles_that_are_none_are_refused_by_name(launch, text, words):
    service = launch({"SNAPJAIL_PROFILES": text})

    assert service.process.wait(20) != 0
    assert words in service.log_text()


def test_the_log_names_the_profile_of_each_job(start, warm):
    service = start()
    service.execute(HELLO)
    service.execute(PANDAS)

    def profiles():
        lines = map(json.loads, service.log_text().splitlines())
        return [line["profile"] for line in lines if line["event"] == "job"]

    # Before them goes the job that looks whether scripts are jailed at all.
    assert processes.wait_until(lambda: profiles()[-2:] == ["base", "data"], 5), profiles()


def test_a_slot_whose_zygote_was_killed_holds_nothing_for_the_next_job(start, warm):
    service = start({}, ["--slots=2", "--profiles=base=;own=json"])
    leaving = under_way("leaving", "open('left', 'w').write('secret')\ntime.sleep(30)")
    # Both slots are used by both profiles, so that neither zygote has reason to expect anything.
    for line in ("", "import json") * 4:
        service.execute_all([f"{line}\ndef main(): pass"] * 2, threads=2)
    zygotes = {processes.command_line(pid).split("zygote.py ")[1].split()[0]: pid
               for pid in service.zygotes()}

    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(service.execute, "import json\n" + leaving)
        service.wait_under_way("leaving")
        os.kill(zygotes["own"], signal.SIGKILL)
        assert job.result().outcome == (500, "internal")

    look = "import os\ndef main(): return sorted(os.listdir())"
    for answer in service.execute_all([look] * 12, threads=2):
        assert answer.result == ["script.py"]
