"""What a guest does: warm up, wait for its job, run it, send one frame, end.

Forked warm from zygote.py, or exec'ed cold as `runner.py RESULT_FD FOLDER [WRAPPER]`. The frame
goes out by the extension, which runs no code of the script's.
"""

import builtins
import gc
import os
import stat
import sys
import types

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPT_NAME = "script.py"
RESULT_NAME = "result.json"  # Only for a WRAPPER_PATH of the operator's own.
RESULT_FILE_BYTES_MAX = 64 << 20  # The front has the true limit; this bounds a read.
OWN_MODULES = ("_snapjail", "runner", "warmup", "wrapper", "zygote")

sys.path.insert(0, HERE)
import _snapjail as _native  # noqa: E402
import wrapper  # noqa: E402

sys.path.remove(HERE)

# Where an ending becomes a frame; bound early, for the script may patch what it finds.
_encode, _finish_result, _finish_fault = (
    _native.encode_json,
    _native.finish_result,
    _native.finish_fault,
)
NOT_JSON_SENTENCE = "main() returned a non-JSON-serializable value"


class Place:
    """Where this job works: /tmp; where tier `process` has no roots, a folder elsewhere."""

    folder = "/tmp"

    @classmethod
    def enter(cls, folder):
        """`folder` is "." where the guest was put into one that only it knows the name of."""
        if folder != ".":
            return
        cls.folder = os.getcwd()
        wrapper.user_folder = cls.folder + "/"
        for name in ("HOME", "TMPDIR", "MPLCONFIGDIR"):
            os.environ[name] = cls.folder
        if "tempfile" in sys.modules:
            sys.modules["tempfile"].tempdir = None

    @classmethod
    def script(cls):
        return f"{cls.folder}/{SCRIPT_NAME}"

    @classmethod
    def result(cls):
        return f"{cls.folder}/{RESULT_NAME}"


def load_custom_wrapper(path):
    """The operator's WRAPPER_PATH, compiled; None where our own is in use."""
    if not path:
        return None
    with open(path, "rb") as file:
        return compile(file.read(), path, "exec", dont_inherit=True)


def run_warmup(source, null=0):
    """One dry run. What it prints goes the way of a job's output, and ends in /dev/null: that is
    what a guest's descriptor 0 is, also for writing.
    """
    kept = os.dup(1)
    os.dup2(null, 1)
    try:
        value, fault = wrapper.run(wrapper.decode(source.encode()), Place.script())
        sys.stdout.flush()
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        sys.modules.pop(wrapper.MODULE_NAME, None)
    if fault is not None:
        raise RuntimeError(f"warm-up failed: {fault.message}\n{fault.traceback_text}")
    _encode(value)


def warm_guest(script):
    """Once in each guest, in its jail, before its job: touches what a job will touch. None: no dry
    run, for somebody waits already.
    """
    if script is not None:
        run_warmup(script)
    gc.enable()


def find_twister():
    """Where NumPy keeps its legacy generator, for to seed that by way of NumPy touches 80 pages.
    None where a known seed is not found to lie where we would write another.
    """
    random = sys.modules["numpy.random"]
    try:
        random.seed(1)  # Forgets a drawn half of a pair of normal numbers, too.
        name, key, position = random.get_state()[:3]
        capsule = random.mtrand._rand._bit_generator.capsule
        is_known = _native.read_twister(capsule) == (key.tobytes(), position)
        return capsule if name == "MT19937" and is_known else None
    except Exception:  # A NumPy that is made otherwise.
        return None


def reseed_numpy():
    numpy = sys.modules["numpy"]
    numpy.random.seed(numpy.frombuffer(os.urandom(2496), dtype="uint32"))


def forget_names():
    # It notices a fork by the pid, which is 1 in the zygote and in every guest.
    sys.modules["tempfile"]._name_sequence = None


def forget_uuid():
    sys.modules["uuid"]._last_timestamp = None


def find_reseeds():
    """In the zygote, after its imports: what each guest has to do, so that nothing random is left
    that it was forked with, for all were forked with the same.

    CPython's own fork hook has reseeded `random`; warm-up and these are what it does not know.
    """
    reseeds = []
    if "numpy.random" in sys.modules:
        twister = find_twister()
        reseeds.append((lambda: _native.reseed_twister(twister)) if twister else reseed_numpy)
    if "random" in sys.modules:
        reseeds.append(sys.modules["random"].seed)
    if "tempfile" in sys.modules:
        reseeds.append(forget_names)
    if "uuid" in sys.modules:
        reseeds.append(forget_uuid)
    return reseeds


def look_fresh():
    """What a script finds is what `python script.py` would show it, but for the name."""
    for name in OWN_MODULES:
        sys.modules.pop(name, None)
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.argv = [Place.script()]
    sys.orig_argv = [sys.executable, Place.script()]
    if sys.path[:1] != [Place.folder]:
        sys.path.insert(0, Place.folder)
    for stream in (sys.stdout, sys.stderr):
        # Line by line: what was printed before a sudden end is kept, and stands in order with what
        # child processes print.
        stream.reconfigure(line_buffering=True)


def flush(*streams):
    for stream in streams:
        try:
            stream.flush()
        except BaseException:  # The script has replaced or closed it.
            pass


def send_fault(fault, stdout):
    flush(stdout, sys.stdout)
    _finish_fault(
        fault.kind,
        fault.message.encode("utf-8", "backslashreplace"),
        fault.traceback_text.encode("utf-8", "backslashreplace"),
    )


def write_script(fd, source):
    written = 0
    while written < len(source):
        written += os.write(fd, source[written:] if written else source)
    os.close(fd)


def run_job(source):
    stdout = sys.stdout
    value, fault = wrapper.run(wrapper.decode(source), Place.script())
    if fault is not None:
        send_fault(fault, stdout)
    try:
        ending, text = _encode(value)  # Frozen here: what the script does later changes nothing.
    except MemoryError as error:
        send_fault(wrapper.describe_fault(error, Place.script()), stdout)
    if ending == 1:
        message = f"{NOT_JSON_SENTENCE}: {text.decode('utf-8', 'replace')}"
        send_fault(wrapper.Fault(wrapper.NOT_JSON, message), stdout)
    if ending == 2:
        message = "main() returned a value whose JSON is too large"
        send_fault(wrapper.Fault(wrapper.RESULT_TOO_LARGE, message), stdout)
    flush(stdout, sys.stdout)
    _finish_result(text)


def read_result_file():
    """What the operator's wrapper has left: a regular file, or nothing."""
    try:
        fd = os.open(Place.result(), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        return None
    with open(fd, "rb") as file:
        return file.read(RESULT_FILE_BYTES_MAX)


def run_job_by_custom_wrapper(code):
    stdout = sys.stdout
    main_module = types.ModuleType("__main__")
    main_module.__file__ = code.co_filename
    main_module.__builtins__ = builtins
    sys.modules["__main__"] = main_module
    sys.argv = [code.co_filename, Place.script(), Place.result()]
    try:
        exec(code, main_module.__dict__)
    except SystemExit as error:
        if error.code not in (None, 0):
            send_fault(wrapper.describe_fault(error, Place.script()), stdout)
    except BaseException as error:
        send_fault(wrapper.describe_fault(error, Place.script()), stdout)
    text = read_result_file()
    if text is None:
        message = "the wrapper ended without writing its result"
        send_fault(wrapper.Fault(wrapper.EXIT, message), stdout)
    flush(stdout, sys.stdout)
    _finish_result(text)


def wait_and_run(custom_wrapper):
    """The rest of a guest's life. Does not return."""
    # Made while nobody waits for it, and by system calls: a client does wait for the rest.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    script = os.open(Place.script(), flags, 0o666)
    source = _native.receive_job()
    if source is None:
        os._exit(0)
    write_script(script, source)
    if custom_wrapper is not None:
        run_job_by_custom_wrapper(custom_wrapper)
    else:
        run_job(source)
    os._exit(1)


def cold_main():
    _native.adopt(int(sys.argv[1]))
    Place.enter(sys.argv[2])
    custom_wrapper = load_custom_wrapper(sys.argv[3] if len(sys.argv) > 3 else "")
    look_fresh()
    wait_and_run(custom_wrapper)


if __name__ == "__main__":
    cold_main()
