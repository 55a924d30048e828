"""What the tests of configurations share."""

import json

import pytest
from one_run import run_raw


@pytest.fixture
def run(own, tmp_path):
    """Runs a script under a configuration; main()'s value."""

    def run_script(config, script, arguments=(), status=0, before=None):
        result = run_raw(tmp_path, config, script, arguments, before)
        run_script.standard_error = result.stderr
        assert result.returncode == status, result.stderr
        return json.loads(result.stdout) if status == 0 else result.stderr

    return run_script
