"""The arithmetic of the benchmark programs: what a percentile, a ratio and a tenth are."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "bench"))
import figures  # noqa: E402


def test_a_percentile_is_one_of_the_samples():
    assert figures.percentile([10, 20], 50) == 10
    assert figures.percentile([10, 20], 51) == 20


def test_percentiles_of_one_to_a_hundred_are_their_own_numbers():
    samples = list(range(1, 101))
    assert [figures.percentile(samples, p) for p in (1, 50, 95, 99, 100)] == [1, 50, 95, 99, 100]


def test_a_hundredth_above_all_others_is_above_p99():
    samples = [1] * 99 + [1000]
    assert figures.percentile(samples, 99) == 1
    assert figures.percentile(samples + [1000], 99) == 1000


def test_of_nothing_there_is_no_percentile():
    assert figures.percentile([], 50) is None
    assert figures.summary([]) == {
        "n": 0,
        "p10_ms": None,
        "p50_ms": None,
        "p95_ms": None,
        "p99_ms": None,
        "max_ms": None,
    }


def test_a_summary_sorts_and_is_in_milliseconds():
    assert figures.summary([3000, 1000, 2000]) == {
        "n": 3,
        "p10_ms": 1.0,
        "p50_ms": 2.0,
        "p95_ms": 3.0,
        "p99_ms": 3.0,
        "max_ms": 3.0,
    }


def test_a_ratio_to_what_was_not_measured_is_none():
    assert figures.ratio(6, 4) == 1.5
    assert figures.ratio(6, None) is None
    assert figures.ratio(None, 4) is None
    assert figures.ratio(6, 0) is None


def test_tenths_hold_every_sample_once_and_in_order():
    samples = [1000 * (i // 10) for i in range(105)]
    assert figures.tenths(samples)[0] == 0.0
    assert figures.tenths(samples)[-1] == 9.0
    assert figures.tenths([1000] * 9) == []


def test_tenths_show_a_service_that_becomes_slower():
    assert figures.tenths([1000] * 90 + [9000] * 10) == [1.0] * 9 + [9.0]
