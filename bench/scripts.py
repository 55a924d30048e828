"""The scripts that are measured: each is small, and stands for a kind of job."""

SCRIPTS = {
    "hello": """\
def main():
    print("hello")
    return "hello"
""",
    "stdlib": """\
import collections, datetime, hashlib, json, re

def main():
    text = "the quick brown fox jumps over the lazy dog " * 200
    words = collections.Counter(re.findall(r"[a-z]+", text))
    digest = hashlib.sha256(text.encode()).hexdigest()
    then = datetime.datetime(2024, 2, 29) + datetime.timedelta(days=366)
    return json.loads(json.dumps({"words": words, "sha256": digest, "then": then.isoformat()}))
""",
    "numpy": """\
import numpy as np

def main():
    return int(np.sum(np.arange(1000)))
""",
    "sums": """\
import os
import numpy as np
import pandas as pd

def main():
    print("hello from user code")
    return {"sum": int(np.sum([1, 2, 3])), "pandas": str(pd.Series([1, 2, 3]).sum())}
""",
    "pandas": """\
import numpy as np
import pandas as pd

def main():
    frame = pd.DataFrame({"key": np.arange(1000) % 7, "value": np.arange(1000.0)})
    return frame.groupby("key")["value"].sum().to_dict()
""",
    "stdout 1 MB": """\
def main():
    for _ in range(1000):
        print("x" * 999)
    return True
""",
    "result 5 MB": """\
def main():
    return "x" * 5_000_000
""",
}

# The leanest profile that has what they import.
PROFILES = {
    "hello": "base",
    "stdlib": "stdlib",
    "numpy": "numpy",
    "sums": "data",
    "pandas": "data",
    "stdout 1 MB": "base",
    "result 5 MB": "base",
}

# Waits without work: for what a live job costs while it does nothing.
SLEEPING = """\
import time

def main():
    time.sleep({seconds})
    return 1
"""


def slug(name):
    return name.replace(" ", "-")
