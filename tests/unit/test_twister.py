"""reseed_twister: NumPy's legacy generator, seeded from outside, draws as if NumPy had seeded it.

By the service's own interpreter, for the tests' has no NumPy.
"""

import subprocess

import native
import pytest
from service import PYTHON

HEAD = f"""
import sys
sys.path.insert(0, {str(native.LIBRARY)!r})
import _snapjail, numpy
state = numpy.random.RandomState(1)
capsule = state._bit_generator.capsule
"""
CLAIMS = {
    "key and position lie where they are read": """
state.random_sample(5)
name, key, position = state.get_state()[:3]
assert name == "MT19937"
assert _snapjail.read_twister(capsule) == (key.tobytes(), position)
""",
    "each seed is another": """
drawn = set()
for _ in range(20):
    _snapjail.reseed_twister(capsule)
    drawn.add(state.random_sample())
assert len(drawn) == 20
""",
    "what follows is what NumPy itself draws from that state": """
_snapjail.reseed_twister(capsule)
copy = numpy.random.RandomState(2)
copy.set_state(state.get_state())
assert state.random_sample(2000).tolist() == copy.random_sample(2000).tolist()
assert abs(state.random_sample(10_000).mean() - 0.5) < 0.02
""",
    "something else is refused": """
for function in (_snapjail.read_twister, _snapjail.reseed_twister):
    try:
        function(object())
    except (TypeError, ValueError):
        continue
    raise AssertionError(function)
""",
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_of_a_twister(claim):
    done = subprocess.run(
        [PYTHON, "-c", HEAD + CLAIMS[claim]], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
