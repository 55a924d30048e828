"""From samples to figures: percentiles, ratios, tenths. Exact, from every sample; no histogram."""

import math


def percentile(ordered, percent):
    """The nearest rank: the smallest sample that at least `percent` % of all are not above."""
    if not ordered:
        return None
    return ordered[max(1, math.ceil(len(ordered) * percent / 100)) - 1]


def summary(samples):
    """Of latencies in microseconds: milliseconds at the usual percentiles."""
    ordered = sorted(samples)
    row = {"n": len(ordered)}
    for percent in (10, 50, 95, 99):
        value = percentile(ordered, percent)
        row[f"p{percent}_ms"] = None if value is None else value / 1000
    row["max_ms"] = ordered[-1] / 1000 if ordered else None
    return row


def ratio(value, floor):
    """How many times the floor; None where one of them was not measured."""
    return value / floor if value is not None and floor else None


def tenths(samples, percent=50):
    """The percentile of each tenth of the samples, in their order, in milliseconds."""
    if len(samples) < 10:
        return []
    bounds = [len(samples) * i // 10 for i in range(11)]
    return [percentile(sorted(samples[a:b]), percent) / 1000 for a, b in zip(bounds, bounds[1:])]
