"""A script like those to come: run by the zygote and once by each guest before its job arrives.

It writes to the pages and fills the caches that such scripts touch, so that a job has them already.
It must leave nothing behind that a script could notice.
"""

SOURCE = '''
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
