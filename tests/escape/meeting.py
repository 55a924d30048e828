"""Two jobs that have met for certain: both read the machine's clock, and no jail has another."""

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor

MEETINGS_MAX = 5  # One holds still for a second; on a busy machine no attack may begin within it.
PAUSE_SECONDS = 0.1


class NeverMet(AssertionError):
    """Nothing can be said of the attack."""


def meet(service, attack, targets, holds=None):
    """The answer to an attack that ran while the other job held still, from beginning to end.

    `holds`: what the other must have been told by then; None with walls off, where it may be more.
    """
    holder = attack.script(targets, attack.one("Meanwhile"))
    script = attack.timed_script(targets)
    for _ in range(MEETINGS_MAX):
        with ThreadPoolExecutor(1) as pool:
            holding = pool.submit(service.execute, holder)
            answers = []
            while not holding.done():
                answers.append(service.execute(script))
                time.sleep(PAUSE_SECONDS)
        told, since, until = holding.result().result
        if holds is not None and told not in holds:
            raise NeverMet(f"the job to meet was told {told!r}")
        for answer in answers:
            if answer.status != 200:
                return answer
            value, began, ended = answer.result
            if since <= began and ended <= until:
                return dataclasses.replace(answer, json={**answer.json, "result": value})
    raise NeverMet(f"not in {MEETINGS_MAX} seconds that one of them held still")
