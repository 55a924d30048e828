"""Two scripts like those to come, run before a job arrives; they leave nothing to be noticed.

BROAD runs a few times in the zygote: lazy imports, caches, and the code paths that CPython
specializes after some calls. The narrow one runs once in each guest: it writes to the pages that
every script will write to, so that a job finds its own copies. Each guest pays for it in CPU, so it
is as short as can be: its compiling counts too, and what only some scripts would use is a loss.
"""

import sys

# The longest whose modules the zygote has; the shortest for scripts without imports.
NARROW = {
    (): """
def main():
    print("warm", 1)
    return {"a": [1, 2.5, None, "b"]}
""",
    ("numpy",): """
import numpy

def main():
    print("warm", 1)
    return {"a": [1, 2.5, None, "b"], "n": int(numpy.sum(numpy.array([1, 2, 3])))}
""",
    ("numpy", "pandas"): """
import numpy
import pandas

def main():
    print("warm", 1)
    return {"a": [1, 2.5, None, "b"], "n": int(numpy.sum(numpy.array([1, 2, 3]))),
            "p": int(pandas.Series([1, 2, 3]).sum())}
""",
}


def narrow():
    """The narrow script for what has been imported."""
    fitting = [names for names in NARROW if all(name in sys.modules for name in names)]
    return NARROW[max(fitting, key=len)]


BROAD = '''
import sys

def work_plain():
    words = {str(i): [i, i * 0.5, None, True] for i in range(20)}
    text = ",".join(sorted(words))
    class Point:
        def __init__(self, x):
            self.x = x
    try:
        raise ValueError(text)
    except ValueError as error:
        str(error)
    return [f"{Point(i).x:>4}" for i in range(5)], text.split(","), sum(range(50))

def work_numpy(numpy):
    a = numpy.array([1, 2, 3])
    b = numpy.arange(12.0).reshape(3, 4)
    return (int(numpy.sum(a)), float(b.mean()), (b @ b.T).tolist(), a.dtype.name,
            float(numpy.linalg.norm(b)), (a * 2 + 1).max().item())

def work_pandas(pandas):
    s = pandas.Series([1, 2, 3])
    f = pandas.DataFrame({"k": ["a", "b", "a"], "v": [1.0, 2.0, 3.0]})
    return int(s.sum()), f.groupby("k")["v"].sum().to_dict(), f.describe().to_dict(), len(f)

def main():
    print("warm", 1, 2.5)
    results = [work_plain()]
    for name, work in (("numpy", work_numpy), ("pandas", work_pandas)):
        if name in sys.modules:
            results.append(work(sys.modules[name]))
    return {"results": results, "cwd": __import__("os").getcwd()}
'''
