"""Numbers as text."""

import pytest

from core.common.wording import adding_up, counted, duration, four_digits, listed, lowered, percent, rounded, times


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7.4667, "7.47"),
        (0.5344, "0.534"),
        (49.88, "49.9"),
        (1234.5, "1,234"),
        (3, "3"),
        (0, "0"),
        (0.05344, "0.0534"),
        (9.9999, "10.0"),
        (999.7, "1,000"),
        (115.01, "115"),
    ],
)
def test_rounded(value, text):
    assert rounded(value) == text
    if value == 0 or abs(value) >= 0.1:
        assert duration(1000 * value) == f"{text}\N{NO-BREAK SPACE}s"


@pytest.mark.parametrize(
    ("value", "text"), [(0.05, "0.05"), (2.5, "2.5"), (0.52834, "0.5283"), (20_000, "20,000"), (12_345.6, "12,346")]
)
def test_four_digits(value, text):
    assert four_digits(value) == text


def test_times():
    assert (times(1.3847), times(1.0064), times(0.9)) == ("1.38×", "1.006×", "0.90×")


def test_shares_add_up():
    assert adding_up([100 / 3] * 3, 100) == pytest.approx([33.4, 33.3, 33.3])
    assert adding_up([83.36, 16.64, 0], 100) == pytest.approx([83.4, 16.6, 0])
    assert adding_up([1.4, 0.7, -0.04], 2.06, 0.01) == pytest.approx([1.4, 0.7, -0.04])


@pytest.mark.parametrize("value", [0, -0.0, -1e-14, -0.049, 0.049])
def test_nothing_is_not_minus_nothing(value):
    """However little is missing from it: no -0.0 %."""
    assert percent(value) == percent(value, signed=True) == "0.0\N{NO-BREAK SPACE}%"
    assert rounded(value) == "0" or abs(value) > 0


def test_percent():
    assert (percent(10.66), percent(-3), percent(2, 2)) == ("10.7\xa0%", "-3.0\xa0%", "2.00\xa0%")
    assert (percent(10.66, signed=True), percent(-3, signed=True)) == ("+10.7\xa0%", "-3.0\xa0%")


def test_counted():
    assert (counted(1, "worker"), counted(1_000, "worker")) == ("1 worker", "1,000 workers")
    assert (counted(1, "batch", "batches"), counted(0, "batch", "batches")) == ("1 batch", "0 batches")


def test_lists_and_the_middle_of_sentences():
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a", "b"], "or") == "a or b"
    assert lowered("Local SGD (every 4)") == "local SGD (every 4)"
    assert lowered("K-async (first 2)") == "K-async (first 2)"


def test_short_times_are_in_milliseconds():
    assert [duration(ms) for ms in (99.96, 61.94, 0.25, -20)] == [
        f"{text}\N{NO-BREAK SPACE}ms" for text in ("100", "61.9", "0.250", "-20")
    ]
