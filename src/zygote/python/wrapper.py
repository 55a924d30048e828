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


user_folder = "/tmp/"  # Where the job works: runner.Place.enter() knows better, now and then.


def is_user_file(filename):
    """The script's own files: neither ours nor a library's, whose paths are nobody's business."""
    return filename.startswith(user_folder) or (
        filename.startswith("<") and not filename.startswith("<frozen")
    )


def keep_user_frames(report):
    pending, seen = [report], set()
    while pending:  # Not by recursion: a chain of exceptions may be longer than the stack.
        report = pending.pop()
        if report is None or id(report) in seen:
            continue
        seen.add(id(report))
        report.stack = traceback.StackSummary.from_list(
            [frame for frame in report.stack if is_user_file(frame.filename)]
        )
        pending += [report.__cause__, report.__context__]
        pending += getattr(report, "exceptions", None) or ()


def attempt(function, *arguments):
    """What it returns; None if it raises, which code of the script's that it runs into may do."""
    try:
        return function(*arguments)
    except BaseException:
        return None


# By the descriptors themselves: a class of the script's may have overridden the attributes.
_name_of_type = type.__dict__["__name__"].__get__
_traceback_of = BaseException.__dict__["__traceback__"].__get__


def last_line(error, path, main):
    """The line of the script that was at work when the exception arose."""
    line = None
    step = _traceback_of(error)
    while step is not None:
        if step.tb_frame.f_code.co_filename == path:
            line = step.tb_lineno
        step = step.tb_next
    if line is None:  # main() could not even be entered: it wants arguments, say.
        line = main.__code__.co_firstlineno
    return line if type(line) is int else None


def safe_text(value):
    text = attempt(str, value)
    if text is None:  # Its own __str__ raises.
        return "<exception str() failed>"
    return text[:MESSAGE_CHARACTERS_MAX] if type(text) is str else "<no text>"


def traceback_text(error):
    report = traceback.TracebackException(type(error), error, _traceback_of(error))
    keep_user_frames(report)
    return "".join(report.format())


def describe_exception(error, path, main):
    text = safe_text(error)
    line = attempt(last_line, error, path, main)
    where = f" (line {line})" if line is not None else ""
    whole = attempt(traceback_text, error) or ""
    if issubclass(type(error), MemoryError):
        detail = f": {text}" if text else ""
        return Fault(MEMORY_LIMIT, f"memory limit exceeded{detail}{where}", whole)
    name = _name_of_type(type(error))
    return Fault(EXCEPTION, f"{name}: {text}{where}" if text else f"{name}{where}", whole)


def exit_code_text(error):
    code = error.code
    if code is None:
        return "0"
    if isinstance(code, int):
        return str(int.__index__(code))
    return f"1: {safe_text(code)}"


def describe_exit(error):
    code = attempt(exit_code_text, error)
    told = f", with code {code}" if code is not None else ""
    return Fault(EXIT, f"script called exit before main() returned{told}")


def describe_fault(error, path, main=None):
    """A Fault for whatever ended the script; never raises. Asks the type, not the object: that one
    may say of itself what it likes.
    """
    try:
        if issubclass(type(error), Fault):
            return error
        if issubclass(type(error), SystemExit):
            return describe_exit(error)
        return describe_exception(error, path, main)
    except BaseException as problem:  # The script has broken what this needs, or is out of memory.
        if issubclass(type(error), MemoryError) or issubclass(type(problem), MemoryError):
            return Fault(MEMORY_LIMIT, "memory limit exceeded")
        return Fault(EXCEPTION, "an exception whose description could not be made")


async def _await(value):
    return await value


# Nothing that is exactly one of these is awaitable. To ask inspect of a type that it has not seen
# makes it keep that type, for which a guest has to copy ten pages.
PLAIN_TYPES = frozenset({type(None), bool, int, float, str, list, tuple, dict})


def call_main(main):
    value = main()
    if type(value) not in PLAIN_TYPES and inspect.isawaitable(value):
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
