"""Runs one script and gives main()'s value: wrapper.py script.py result.json.

This is what runs in a guest. The runner calls run() and describe_fault() directly; called as a
program it does the same and writes the value to result.json. WRAPPER_PATH names another program to
be called like it.

Nothing here is safe from the script, which shares the interpreter: what must hold whatever a script
does is held from outside. What is used after the script has run is bound to local names before.
"""

import builtins
import inspect
import linecache
import sys
import traceback
import types

MODULE_NAME = "script"
MESSAGE_CHARACTERS_MAX = 4000

# The words of the contract; the numbers are sched::FaultKind.
NO_MAIN, SYNTAX_ERROR, EXCEPTION, EXIT, NOT_JSON, RESULT_TOO_LARGE, MEMORY_LIMIT = range(7)


class Fault(Exception):
    """What is wrong with the script: kind, one sentence, and the traceback's text or ''."""

    def __init__(self, kind, message, traceback_text=""):
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.traceback_text = traceback_text


def decode(source):
    """The script as text: a byte order mark is not part of it, a coding line does not count."""
    text = source.decode("utf-8")
    return text[1:] if text.startswith("\ufeff") else text


def compile_script(text, path):
    try:
        return compile(text, path, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise Fault(SYNTAX_ERROR, f"SyntaxError: {error.msg} (line {error.lineno or 1})") from None
    except (ValueError, RecursionError, MemoryError) as error:
        # A NUL byte; or the parser's own limits, which it reports as these. Nothing has run yet.
        reason = "too complex to compile" if not isinstance(error, ValueError) else str(error)
        raise Fault(SYNTAX_ERROR, f"SyntaxError: {reason} (line 1)") from None


def is_user_file(filename):
    """The script's own files: neither ours nor a library's, whose paths are nobody's business."""
    return filename.startswith("/tmp/") or (
        filename.startswith("<") and not filename.startswith("<frozen")
    )


def keep_user_frames(report, seen):
    if report is None or id(report) in seen:
        return
    seen.add(id(report))
    report.stack = traceback.StackSummary.from_list(
        [frame for frame in report.stack if is_user_file(frame.filename)]
    )
    keep_user_frames(report.__cause__, seen)
    keep_user_frames(report.__context__, seen)
    for member in getattr(report, "exceptions", None) or ():
        keep_user_frames(member, seen)


def last_line(error, path):
    """The line of the script that was at work when the exception arose."""
    line = None
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == path:
            line = step.tb_lineno
        step = step.tb_next
    return line


def safe_text(error):
    try:
        text = str(error)
        return text if type(text) is str else "<no text>"
    except BaseException:  # Its own __str__ raises.
        return "<exception str() failed>"


def describe_exception(error, path, main):
    line = last_line(error, path)
    if line is None:  # main() could not even be entered: it wants arguments, say.
        line = getattr(getattr(main, "__code__", None), "co_firstlineno", None)
    text = safe_text(error)[:MESSAGE_CHARACTERS_MAX]
    where = f" (line {line})" if type(line) is int else ""
    report = traceback.TracebackException(type(error), error, error.__traceback__)
    keep_user_frames(report, set())
    whole = "".join(report.format())
    if isinstance(error, MemoryError):
        detail = f": {text}" if text else ""
        return Fault(MEMORY_LIMIT, f"memory limit exceeded{detail}{where}", whole)
    name = type(error).__name__
    return Fault(EXCEPTION, f"{name}: {text}{where}" if text else f"{name}{where}", whole)


def describe_exit(error):
    code = error.code
    if code is None:
        code = 0
    if isinstance(code, int):
        return Fault(EXIT, f"script called exit before main() returned, with code {int(code)}")
    text = safe_text(code)[:MESSAGE_CHARACTERS_MAX]
    return Fault(EXIT, f"script called exit before main() returned, with code 1: {text}")


def describe_fault(error, path, main=None):
    """A Fault for whatever ended the script; never raises."""
    try:
        if isinstance(error, Fault):
            return error
        if isinstance(error, SystemExit):
            return describe_exit(error)
        return describe_exception(error, path, main)
    except BaseException as problem:  # The script has broken what this needs, or is out of memory.
        if isinstance(error, MemoryError) or isinstance(problem, MemoryError):
            return Fault(MEMORY_LIMIT, "memory limit exceeded")
        return Fault(EXCEPTION, f"{type(error).__name__} (its description could not be made)")


async def _await(value):
    return await value


def call_main(main):
    value = main()
    if inspect.isawaitable(value):
        import asyncio

        value = asyncio.run(_await(value))
    return value


def run(text, path):
    """Runs a script as the module MODULE_NAME, then its main(). Returns (value, fault)."""
    main = None
    try:
        code = compile_script(text, path)
        module = types.ModuleType(MODULE_NAME)
        module.__file__ = path
        module.__builtins__ = builtins
        sys.modules[MODULE_NAME] = module
        exec(code, module.__dict__)
        main = module.__dict__.get("main")
        if not callable(main):
            raise Fault(NO_MAIN, "script must define main()")
        return call_main(main), None
    except BaseException as error:
        return None, describe_fault(error, path, main)


def main(argv):
    """By hand: wrapper.py script.py result.json."""
    import json

    if len(argv) != 3:
        print("usage: wrapper.py script.py result.json", file=sys.stderr)
        return 2
    with open(argv[1], "rb") as file:
        value, fault = run(decode(file.read()), argv[1])
    if fault is not None:
        print(fault.traceback_text or fault.message, file=sys.stderr)
        return 1
    with open(argv[2], "w", encoding="utf-8") as file:
        json.dump(value, file, allow_nan=False)
    return 0


if __name__ == "__main__":
    linecache.checkcache()
    sys.exit(main(sys.argv))
