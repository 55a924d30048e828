"""What the machine must pay at least for a job, without jail, HTTP or scheduler: fork and exit.

Run by the benchmark programs under PYTHON_BIN, with the library folder and a zygote's modules as
its arguments. It imports what that zygote imports and then obeys lines of JSON on its standard
input, one answer a line:

    {"kind": "fork", "count": N}                     fork, _exit, wait
    {"kind": "fork and run", "count": N, "script"}   the child runs the script's bytes, then _exit
    {"kind": "warm child", "count": N, "script"}     forked and warmed before; its time counts from
                                                     the sending of the script to its whole answer

"pause" in an order: seconds that a warm child waits for its script, as a guest does between two
requests. What it had in the processor's caches is gone after a few milliseconds.

The answer has the times in microseconds and the CPU time of parent and children together.
"""

import gc
import importlib
import json
import os
import resource
import select
import struct
import sys
import time


def run_script(wrapper, source):
    value, fault = wrapper.run(source.decode(), "/tmp/script.py")
    if fault is not None:
        raise SystemExit(f"floor.py: {fault.message}")
    sys.stdout.flush()
    return json.dumps(value).encode()


def write_all(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


class Child:
    """One forked child: gets a script over a pipe, answers by two, as a guest does."""

    def __init__(self, wrapper, warm_up):
        job_read, self.job = os.pipe()
        self.output, output_write = os.pipe()
        self.result, result_write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.dup2(output_write, 1)
            for fd in (self.job, self.output, self.result, output_write):
                os.close(fd)
            self.be_child(wrapper, warm_up, job_read, result_write)
        for fd in (job_read, output_write, result_write):
            os.close(fd)
        os.read(self.result, 1)  # It is ready.

    @staticmethod
    def be_child(wrapper, warm_up, job, result):
        sys.stdout.reconfigure(line_buffering=True)
        if warm_up:
            terminal, sys.stdout = sys.stdout, open(os.devnull, "w")
            run_script(wrapper, warm_up.encode())
            sys.stdout = terminal
        gc.enable()
        os.write(result, b"r")
        (size,) = struct.unpack("I", os.read(job, 4))
        source = b""
        while len(source) < size:
            source += os.read(job, size)
        text = run_script(wrapper, source)
        os.close(1)
        write_all(result, text)
        os.close(result)  # Before the end, which takes time that no client waits for.
        os._exit(0)

    def ask(self, source):
        write_all(self.job, struct.pack("I", len(source)) + source)
        poll = select.poll()
        open_ends = {self.output, self.result}
        for fd in open_ends:
            poll.register(fd, select.POLLIN)
        while open_ends:
            for fd, _ in poll.poll():
                if not os.read(fd, 1 << 16):
                    poll.unregister(fd)
                    open_ends.discard(fd)

    def reap(self):
        for fd in (self.job, self.output, self.result):
            os.close(fd)
        _, status = os.waitpid(self.pid, 0)
        if status != 0:
            raise SystemExit(f"floor.py: the child ended with status {status}")


def fork(_wrapper, _warm_up, _source, _pause):
    start = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return time.perf_counter() - start


def fork_and_run(wrapper, _warm_up, source, _pause):
    start = time.perf_counter()
    child = Child(wrapper, None)
    child.ask(source)
    child.reap()
    return time.perf_counter() - start


def warm_child(wrapper, warm_up, source, pause):
    child = Child(wrapper, warm_up)
    time.sleep(pause)
    start = time.perf_counter()
    child.ask(source)
    elapsed = time.perf_counter() - start
    child.reap()
    return elapsed


KINDS = {"fork": fork, "fork and run": fork_and_run, "warm child": warm_child}


def cpu_seconds():
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main():
    library, modules = sys.argv[1], sys.argv[2]
    for name in modules.split(","):
        importlib.import_module(name)
    sys.path.insert(0, library)
    import warmup
    import wrapper

    terminal, sys.stdout = sys.stdout, open(os.devnull, "w")
    for _ in range(3):
        run_script(wrapper, warmup.BROAD.encode())
        run_script(wrapper, warmup.narrow().encode())
    sys.stdout = terminal
    gc.collect()
    gc.freeze()
    gc.disable()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        source = order.get("script", "").encode()
        before = cpu_seconds()
        measure = KINDS[order["kind"]]
        pause = order.get("pause", 0)
        seconds = [measure(wrapper, warmup.narrow(), source, pause) for _ in range(order["count"])]
        answer = {
            "latencies_us": [int(s * 1e6) for s in seconds],
            "cpu_seconds": cpu_seconds() - before,
        }
        print(json.dumps(answer), flush=True)


main()
