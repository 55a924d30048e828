"""The zygote: imports what scripts will want, warms it, freezes it, and forks guests for ever.

Exec'ed by the supervisor as `zygote.py PROFILE MODULE,MODULE... FOLDER [WRAPPER]`; in tier `full`
in namespaces and a read-only root of its own. The profile's name is for whoever looks at processes.
Never sees a script.
"""

import gc
import importlib
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import _snapjail as _native  # noqa: E402

_native.gather_arenas()
import runner  # noqa: E402
import warmup  # noqa: E402

if HERE in sys.path:
    sys.path.remove(HERE)

ROUNDS = 3  # CPython specializes a function's code after a few calls.


def preload(names):
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # Scripts say what they miss.
            print(f"zygote: cannot preload {name}: {error!r}", file=sys.stderr)


def rehearse(script):
    null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    try:
        runner.run_warmup(script, null)
    finally:
        os.close(null)


def freeze(dry_run):
    try:
        _native.fill_gaps()
        _native.freeze_heap()
        _native.freeze_text(lambda: rehearse(dry_run))
    except OSError as error:  # Guests are as good, and cost more.
        print(f"zygote: {error}", file=sys.stderr)


def main():
    is_warm = _native.load_plan()
    custom_wrapper = None
    if is_warm:
        preload(name for name in sys.argv[2].split(",") if name)
        custom_wrapper = runner.load_custom_wrapper(sys.argv[4] if len(sys.argv) > 4 else "")
        for _ in range(ROUNDS):
            rehearse(warmup.BROAD)
            rehearse(warmup.narrow())

    reseeds = runner.find_reseeds() if is_warm else []
    folder = sys.argv[3]
    dry_run = warmup.narrow()
    has_own_folder = folder == "."
    if is_warm and not has_own_folder:  # Once for all of them: it is the same in each.
        runner.look_fresh()

    def be_guest(wants_warmup):
        if has_own_folder:
            runner.Place.enter(folder)
            runner.look_fresh()
        runner.warm_guest(dry_run if wants_warmup else None)
        for reseed in reseeds:
            reseed()
        _native.send_ready()
        runner.wait_and_run(custom_wrapper)

    # What is frozen is never visited by a guest's collector, which would write to every object's
    # header and so copy every page.
    gc.collect()
    gc.freeze()
    gc.disable()
    if is_warm:
        freeze(dry_run)
    _native.run_fork_loop(be_guest)


main()
