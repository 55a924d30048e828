"""One script under one configuration, by `snapjail run`."""

import os
import subprocess

from service import BINARY, PYTHON


def run_raw(folder, config, script, arguments=(), before=None):
    (folder / "jail.cfg").write_text(config)
    (folder / "script.py").write_text(script)
    environment = {"PATH": os.environ["PATH"], "PYTHON_BIN": str(PYTHON), "FROM_OUTSIDE": "seen"}
    environment |= {"PLACE": str(folder), "FROM_OUTSIDE_SLASH": "/seen"}
    command = [BINARY, "run", "--nsjail-config", folder / "jail.cfg", *arguments]
    return subprocess.run(
        [*command, folder / "script.py"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        preexec_fn=before,
    )
