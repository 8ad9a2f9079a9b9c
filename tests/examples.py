"""How many random cases a test draws: few in the suite, many more under `--hypothesis-profile=deep`."""

from hypothesis import settings

SUITE, DEEP = 40, 1_000  # examples of a property, by profile


def examples(few: int) -> range:
    """The numbers of so many cases, each of which may be a seed; under the deep profile as many times more as there."""
    return range(few * max(1, settings.default.max_examples // SUITE))


def drawn(few: int) -> settings:
    """So many examples of a property, where it needs other than the usual number, and under the deep profile more."""
    return settings(max_examples=len(examples(few)))
