"""Chance differs from job to job, although all guests come from one interpreter (D-61)."""

import pytest

JOBS = 12

SOURCES = """
import hashlib, os, random, secrets, ssl, tempfile, uuid
import numpy as np
DRAW = {
    'random.random': lambda: random.random(),
    'random.Random': lambda: random.Random().random(),
    'random.SystemRandom': lambda: random.SystemRandom().random(),
    'random.getstate': lambda: hashlib.sha256(repr(random.getstate()).encode()).hexdigest(),
    'random.sample': lambda: random.sample(range(10**9), 3),
    'numpy.random.rand': lambda: float(np.random.rand()),
    'numpy.random.randint': lambda: int(np.random.randint(2**62)),
    'numpy.random.default_rng': lambda: float(np.random.default_rng().random()),
    'numpy.random.RandomState': lambda: float(np.random.RandomState().rand()),
    'numpy.random.PCG64': lambda: int(np.random.PCG64().random_raw()),
    'numpy.random.MT19937': lambda: int(np.random.MT19937().random_raw()),
    'numpy.random.SeedSequence': lambda: str(np.random.SeedSequence().entropy),
    'uuid.uuid4': lambda: str(uuid.uuid4()),
    'uuid.uuid1': lambda: str(uuid.uuid1()),
    'secrets.token_hex': lambda: secrets.token_hex(8),
    'secrets.randbelow': lambda: secrets.randbelow(2**64),
    'os.urandom': lambda: os.urandom(8).hex(),
    'os.getrandom': lambda: os.getrandom(8).hex(),
    'ssl.RAND_bytes': lambda: ssl.RAND_bytes(8).hex(),
    'tempfile.mktemp': lambda: tempfile.mktemp(),
    'tempfile.mkdtemp': lambda: tempfile.mkdtemp(),
    'tempfile names': lambda: next(tempfile._get_candidate_names()),
}
def main():
    return {name: draw() for name, draw in DRAW.items()}
"""


@pytest.fixture(scope="module")
def draws(service):
    """What each of several jobs drew: half of them one after another, half side by side."""
    one_by_one = [service.execute(SOURCES) for _ in range(JOBS // 2)]
    together = service.execute_all([SOURCES] * (JOBS // 2))
    return [answer.result for answer in one_by_one + together]


@pytest.mark.both_modes
@pytest.mark.parametrize(
    "name", sorted(line.split("'")[1] for line in SOURCES.splitlines() if "lambda" in line)
)
def test_every_job_draws_something_else(draws, name):
    drawn = [repr(job[name]) for job in draws]

    assert len(set(drawn)) == JOBS, drawn


@pytest.mark.parametrize(
    ("imports", "draw"),
    [
        ("import random", "random.random()"),
        ("import pandas", "int(pandas.Series(range(10**6)).sample(1).iloc[0])"),
        ("import numpy", "float(numpy.random.rand())"),
        ("from numpy.random import rand", "float(rand())"),
        ("from random import random", "random()"),
    ],
)
def test_each_profile_of_imports_draws_something_else(service, imports, draw):
    script = f"{imports}\ndef main():\n    return {draw}\n"
    drawn = [answer.result for answer in service.execute_all([script] * JOBS, threads=2)]

    assert len(set(drawn)) == JOBS, drawn


def test_what_is_drawn_at_import_differs_too(service):
    script = (
        "import random, numpy\nx = [random.random(), float(numpy.random.rand())]\n"
        "def main(): return x"
    )
    drawn = [answer.result for answer in service.execute_all([script] * JOBS, threads=2)]

    assert len({pair[0] for pair in drawn}) == len({pair[1] for pair in drawn}) == JOBS


def test_a_seed_makes_every_job_the_same(service):  # The positive control.
    script = """
import random, numpy as np
def main():
    random.seed(1); np.random.seed(1)
    return [random.random(), float(np.random.rand()), float(np.random.default_rng(1).random())]
"""
    drawn = {repr(answer.result) for answer in service.execute_all([script] * JOBS, threads=4)}

    assert len(drawn) == 1


def test_children_of_one_job_draw_different_values(execute):
    script = """
import os, random
def main():
    drawn = [random.random()]
    for _ in range(3):
        r, w = os.pipe()
        if os.fork() == 0:
            os.write(w, repr(random.random()).encode())
            os._exit(0)
        drawn.append(float(os.read(r, 100)))
    return drawn
"""
    assert len(set(execute(script).result)) == 4
