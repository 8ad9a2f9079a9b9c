"""What a table of paired runs says, worked out from its raw numbers by code of its own: the yardstick for sentences.

Nothing here is taken from `core`: Student's t by a numerical integral, Fieller's interval by its definition, Holm's
procedure step by step.
"""

from functools import lru_cache
from itertools import combinations

import numpy as np

ROUNDING = 1e-12  # times that differ by less are the same


@lru_cache(maxsize=512)
def tails(freedom):
    """Angles θ from 0 to π/2, and the chance that |T| is beyond √ν·tan θ: T's density is cos^(ν−1) of the angle."""
    angles = np.linspace(0, np.pi / 2, 20_001)
    density = np.cos(angles) ** (freedom - 1)
    mass = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return angles, 1 - mass / mass[-1]


def quantile(level, freedom):
    """The t with P(|T| > t) = level."""
    angles, beyond = tails(freedom)
    return float(np.sqrt(freedom) * np.tan(np.interp(-level, -beyond, angles)))


def off(one, other, ratio):
    """How far the mean of one − ratio·other is from 0, in standard errors."""
    rest = one - ratio * other
    error = rest.std(ddof=1) / np.sqrt(len(rest))
    return abs(rest.mean()) / error if error else np.inf


class Truth:
    """Mean epoch times, ratios, their intervals and outcomes, of a table of `compare`, all pairs judged at a level."""

    def __init__(self, table, together=0.05):
        self.table, self.together = table, together
        self.policies = list(dict.fromkeys(table["policy"]))
        self.of = dict(list(table.groupby("policy")))
        self.epochs = {name: self.runs_of(name, "epoch_ms") for name in self.policies}
        self.figures = table.groupby("policy").mean().to_dict()
        self.baseline = self.policies[0]
        self.runs = len(self.epochs[self.baseline])
        self.mean = {name: float(times.mean()) for name, times in self.epochs.items()}
        self.quickest = min(self.mean.values())
        self.first = [name for name in self.policies if self.ratio(name) <= 1 + ROUNDING]
        self.pairs = list(combinations(self.policies, 2))
        self.level = {}
        self.rejected = {}
        self.judge()

    def ratio(self, one, other=None):
        """The mean epoch time of one policy over that of another, or over the shortest."""
        return self.mean[one] / (self.quickest if other is None else self.mean[other])

    def same_ratio_always(self, one, other):
        """Whether the ratio is the same in all of several runs."""
        rest = self.epochs[one] - self.ratio(one, other) * self.epochs[other]
        return self.runs > 1 and rest.std(ddof=1) <= ROUNDING * self.mean[one]

    def same_times(self, one, other):
        """Whether two policies take the same time in every run."""
        return bool((np.abs(self.epochs[one] / self.epochs[other] - 1) <= 10 * ROUNDING).all())

    def apart(self, one, other):
        """How many standard errors two means are apart."""
        if self.runs == 1:
            return 0.0
        rest = self.epochs[one] - self.epochs[other]
        if rest.std(ddof=1) <= ROUNDING * self.mean[other]:
            return 0.0 if abs(rest.mean()) <= ROUNDING * self.mean[other] else np.inf
        return off(self.epochs[one], self.epochs[other], 1)

    def judge(self):
        """Holm: the surest pair at level / pairs, the next at level / (pairs − 1), until one is kept; ties alike."""
        level, going_on, before = self.together / max(1, len(self.pairs)), self.runs > 1, None
        surest_first = sorted(self.pairs, key=lambda pair: -self.apart(*pair))
        for left, pair in zip(range(len(self.pairs), 0, -1), surest_first, strict=True):
            apart = self.apart(*pair)
            if going_on and not (apart == before or (before and abs(apart / before - 1) < 1e-9)):
                level = self.together / left
                going_on = apart >= quantile(level, self.runs - 1)
            before = apart
            for one, other in (pair, pair[::-1]):
                self.level[one, other], self.rejected[one, other] = level, going_on

    def bounded(self, one, other):
        """Whether Fieller's interval has two ends: both means are apart from 0."""
        t = quantile(self.level[one, other], self.runs - 1)
        return all(off(self.epochs[name], np.zeros(self.runs), 1) > t for name in (one, other))

    def within(self, one, other, ratio):
        """Whether a ratio lies in Fieller's interval."""
        if self.same_ratio_always(one, other):
            return abs(ratio / self.ratio(one, other) - 1) <= 10 * ROUNDING
        return off(self.epochs[one], self.epochs[other], ratio) <= quantile(self.level[one, other], self.runs - 1)

    def outcome(self, one, other):
        """decided, equal or open."""
        if self.runs == 1:
            return "open"
        if self.same_ratio_always(one, other):
            return "equal" if abs(self.ratio(one, other) - 1) <= ROUNDING else "decided"
        if not self.bounded(one, other):
            return "open"
        if self.rejected[one, other]:
            return "decided"
        return "open" if self.within(one, other, 0.99) or self.within(one, other, 1.01) else "equal"

    def runs_to_settle(self, one, other):
        """With how many runs the interval of the same ratio and spread would leave 1 out, or lie within 1 ± 1 %."""
        ratio = self.ratio(one, other)
        spread = np.std(self.epochs[one] - ratio * self.epochs[other], ddof=1) / self.mean[other]
        distance = max(abs(ratio - 1), 0.01 - abs(ratio - 1))

        def wide(runs):
            return quantile(self.level[one, other], min(runs, 3_000) - 1) * spread / runs**0.5 > distance

        low, high = 1, 10**10
        while high > 1.03 * low + 1:
            middle = int((low * high) ** 0.5) + 1
            low, high = (middle, high) if wide(middle) else (low, middle)
        return high

    def ahead(self, one, other):
        """In how many runs one policy is faster than another, and in how many they are level."""
        ratio = self.epochs[one] / self.epochs[other]
        tied = np.abs(ratio - 1) <= ROUNDING
        return int(((ratio < 1) & ~tied).sum()), int(tied.sum())

    def spread(self, values):
        """Between which of some runs' values the middle 95 % lie, or all of fewer than 40."""
        if self.runs >= 40:
            return float(np.percentile(values, 2.5)), float(np.percentile(values, 97.5))
        return float(np.min(values)), float(np.max(values))

    def runs_of(self, policy, figure):
        """A figure in each run of a policy."""
        return self.of[policy][figure].to_numpy()

    def mean_of(self, policy, figure):
        """The mean of a figure."""
        return self.figures[figure][policy]
