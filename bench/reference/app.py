"""The reference: Flask and gunicorn, and for each request a fresh interpreter in a jail.

What one would write first: the script in a temporary file, nsjail or bubblewrap started with it,
the result read from a file. JAIL names the jail's program, SCRIPT_PYTHON the interpreter.
"""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import flask

app = flask.Flask(__name__)
HERE = Path(__file__).resolve().parent
JAIL = os.environ["JAIL"]
PYTHON = os.environ["SCRIPT_PYTHON"]
TIME_LIMIT_SECONDS = 6
# What the interpreter and its packages need to see; a virtual environment may lie anywhere.
FOLDERS = ["/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", str(HERE)]
FOLDERS += os.environ["SCRIPT_FOLDERS"].split(":")


def bubblewrap(folder):
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    for path in FOLDERS:
        if os.path.exists(path):
            command += ["--ro-bind", path, path]
    command += ["--proc", "/proc", "--dev", "/dev", "--bind", folder, "/tmp", "--chdir", "/tmp"]
    return command + ["--clearenv", "--setenv", "OPENBLAS_NUM_THREADS", "1"]


def nsjail(folder):
    command = ["nsjail", "-Mo", "-Q", "--rlimit_as", "4096", "--rlimit_fsize", "100"]
    for path in FOLDERS:
        if os.path.exists(path):
            command += ["-R", path]
    command += ["-R", "/dev/urandom", "-R", "/dev/null", "-B", f"{folder}:/tmp", "--cwd", "/tmp"]
    return command + ["-E", "OPENBLAS_NUM_THREADS=1", "--"]


@app.post("/execute")
def execute():
    folder = tempfile.mkdtemp()
    try:
        Path(folder, "script.py").write_text(flask.request.get_json()["script"])
        jail = (nsjail if JAIL == "nsjail" else bubblewrap)(folder)
        done = subprocess.run(
            jail + [PYTHON, str(HERE / "run_script.py")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=TIME_LIMIT_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            return flask.jsonify(error=done.stderr, stdout=done.stdout), 400
        result = json.loads(Path(folder, "result.json").read_text())
        return flask.jsonify(result=result, stdout=done.stdout)
    except subprocess.TimeoutExpired:
        return flask.jsonify(error="time limit"), 400
    finally:
        shutil.rmtree(folder)


@app.get("/ready")
def ready():
    return flask.jsonify(ready=True)
