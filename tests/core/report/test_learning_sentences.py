"""What is said of trainings, claim by claim, against their raw curves: worked out here in code of its own."""

import math
import re
from functools import lru_cache
from itertools import combinations

import numpy as np
import pytest

from core import Asynchronous, KAsync, LocalSGD, Scenario, StaleSynchronous, Synchronous
from core.learning.experiment import learn
from core.learning.quadratic import NoisyQuadratic
from core.report.learning import curves_in_words, headline, rates_in_words, reasons, targets
from tests.examples import examples

NUMBER = r"([\d,.]+(?:e-\d+)?)"


@lru_cache
def random_learning(number):
    """A quick training of one to four policies; targets are such that some seeds miss them."""
    rng = np.random.default_rng([20, number])
    workers = int(rng.integers(2, 6))
    policies = [Synchronous(), Asynchronous(), LocalSGD(period=3), StaleSynchronous(bound=1), KAsync(wait_for=2)]
    chosen = rng.permutation(len(policies))[: rng.integers(1, 5)]
    problem = NoisyQuadratic(curvatures=(1.0, 0.2), noise=float(rng.choice([0.0, 0.3, 2.0])))
    return learn(
        Scenario(workers=workers, seed=number),
        [policies[i] for i in chosen],
        problem,
        seeds=int(rng.choice([1, 2, 3, 5, 8])),
        gradients=int(rng.integers(60, 240)),
        points=int(rng.choice([8, 20, 40])),
        target=float(rng.choice([0.002, 0.01, 0.03, 0.2])),
        learning_rates=None if rng.random() < 0.6 else float(rng.choice([0.05, 0.3, 2.2])),
    )


@pytest.fixture(scope="module", params=examples(20))
def learning(request):
    return random_learning(request.param)


# What is true


def time_to_target(losses, times, target, width):
    """By walking back from the end for as long as means of neighbours are at the target; None where the last is not."""
    if any(math.isnan(loss) for loss in losses) or losses[-1] > losses[0]:
        return None
    half, reached = width // 2, None
    for middle in reversed(range(1 + half, len(losses) - half)):
        mean = sum(losses[middle - half : middle + half + 1]) / width
        if mean > target:
            if reached is None:
                return None
            later, at = reached
            return at - (at - times[middle]) * (target - later) / (mean - later)
        reached = mean, times[middle]
    return reached[1]


def times_of(learning):
    """By policy, the time to the target in each seed, None where it is not reached."""
    width = round(learning.points / 10)
    width += width % 2 == 0  # about a tenth of the points, an odd number
    assert abs(learning.window - width) <= 2
    return {
        policy: [
            time_to_target(run["loss"].tolist(), run["time_ms"].tolist(), learning.target, learning.window)
            for _, run in curves.groupby("run")
        ]
        for policy, curves in learning.curves.groupby("policy", sort=False)
    }


@lru_cache
def share_beyond(freedom):
    """Angles θ of t = √ν·tan θ, and the chance that |T| is beyond each."""
    angles = np.linspace(0, math.pi / 2, 200_001)
    middle = np.cos((angles[1:] + angles[:-1]) / 2) ** (freedom - 1)
    beyond = np.concatenate([[0], np.cumsum(middle[::-1])])[::-1] / middle.sum()
    return angles, beyond


def chance(t, freedom):
    angles, beyond = share_beyond(freedom)
    return np.interp(math.atan(abs(t) / math.sqrt(freedom)), angles, beyond)


def quantile(level, freedom):
    angles, beyond = share_beyond(freedom)
    return math.sqrt(freedom) * math.tan(np.interp(-level, -beyond, angles))


def truth(times):
    """Of every pair that always gets there: ratio, low, high, outcome and how many more seeds, by Holm's procedure."""
    sure = [policy for policy, each in times.items() if None not in each]
    logs = {pair: np.log(times[pair[0]]) - np.log(times[pair[1]]) for pair in combinations(sure, 2)}
    found, places, undecided = {}, len(logs), False
    ranked = sorted(logs, key=lambda pair: p_value(logs[pair]))
    level = 0.05
    for rank, pair in enumerate(ranked):
        if not undecided:
            level = 0.05 / (places - rank)
            undecided = p_value(logs[pair]) > level
        found[pair] = claim(logs[pair], level, undecided)
        low, high = found[pair]["interval"]
        found[pair[::-1]] = found[pair] | {"ratio": 1 / found[pair]["ratio"], "interval": (1 / high, 1 / low)}
    return found


def p_value(logs):
    if len(logs) < 2:
        return 1.0
    error = logs.std(ddof=1) / math.sqrt(len(logs))
    if error < 1e-12:
        return float(abs(logs.mean()) < 1e-12)
    return chance(logs.mean() / error, len(logs) - 1)


def claim(logs, level, undecided):
    seeds, mean = len(logs), logs.mean()
    deviation = logs.std(ddof=1) if seeds > 1 else math.nan
    error = 0.0 if deviation < 1e-12 else quantile(level, seeds - 1) * deviation / seeds**0.5 if seeds > 1 else math.nan
    if error > math.log(100):
        error = math.nan
    low, high = math.exp(mean - error), math.exp(mean + error)
    outcome = "open" if undecided else "decided"
    if undecided and low >= 0.99 - 1e-12 and high <= 1.01 + 1e-12:
        outcome = "equal"
    found = {"ratio": math.exp(mean), "interval": (low, high), "outcome": outcome}
    return found | {"deviation": deviation, "level": level}


def more_seeds(found, seeds):
    """The first number of seeds from which on the same spread decides, or makes it equal."""
    distance = max(abs(math.log(found["ratio"])), math.log(1.01) - abs(math.log(found["ratio"])))
    return next(
        more
        for more in range(1, 1_200)
        if quantile(found["level"], seeds + more - 1) * found["deviation"] / math.sqrt(seeds + more) <= distance
        or more == 1_199
    )


# What is said


def fits(shown, value):
    """Whether a number is the value as far as its last digit tells."""
    digits, _, power = shown.replace(",", "").rstrip(".").partition("e")
    decimals = len(digits.partition(".")[2]) - int(power or 0)
    return abs(float(f"{digits}e{power or 0}") - value) <= 0.500001 * 10.0**-decimals


def written(policy):
    return policy if policy[1] in "-S" else policy[0].lower() + policy[1:]


def check_interval(text, found, seeds):
    low, high = found["interval"]
    if seeds == 1:
        assert text == "one seed"
    elif math.isnan(low):
        assert text == f"{seeds} seeds, which differ too much for an interval"
    elif high - low < 1e-9:
        assert text in (f"the same in all {seeds} seeds", "the same in both seeds" if seeds == 2 else "")
    else:
        said = re.fullmatch(rf"between {NUMBER}× and {NUMBER}×, {seeds} seeds", text)
        assert said, text
        assert fits(said[1], low)
        assert fits(said[2], high)


def check_counts(text, times):
    """Each policy that does not reach the target in every seed, and in how many it does."""
    seeds = len(next(iter(times.values())))
    late = {policy: sum(time is not None for time in each) for policy, each in times.items() if None in each}
    if seeds == 1:
        assert text.endswith((" does not", " do not"))
        assert all(written(policy) in text for policy in late)
        return
    said = re.findall(r"(?:^|, | and )(\S.*?)(?: does)? in (none|\d+) of (\d+)", text)
    assert {policy: 0 if count == "none" else int(count) for policy, count, _ in said} == {
        written(policy): count for policy, count in late.items()
    }
    assert {int(of) for _, _, of in said} == {seeds}


def mean_of(times):
    return math.exp(sum(math.log(time) for time in times) / len(times))


def check_headline(text, learning, times):
    seeds, pairs = len(next(iter(times.values()))), truth(times)
    sure = sorted((policy for policy, each in times.items() if None not in each), key=lambda name: mean_of(times[name]))
    late = [policy for policy in times if policy not in sure]
    goal = re.search(r"a loss of (\S+?)(?=\)| |\.$|\. |;|:)", text)[1]
    assert fits(goal, learning.target)
    text = text.replace(f"the target (a loss of {goal})", "it").replace(f"a loss of {goal}", "it")
    everyone = {1: "the one seed", 2: "both seeds"}.get(seeds, f"all {seeds} seeds")
    if not sure:
        count = sum(time is not None for each in times.values() for time in each)
        who = f"{next(iter(times))} does not reach it" if len(times) == 1 else "No policy reaches it"
        if count == 0:
            assert text == (f"{who}." if seeds == 1 else f"{who} in any of {seeds} seeds.")
        elif len(times) == 1:
            assert text == f"{next(iter(times))} reaches it in {count} of {seeds} seeds."
        else:
            start = f"No policy reaches it in {everyone}: "
            assert text.startswith(start)
            check_counts(text[len(start) : -1], times)
        return
    first, *others = sure
    clauses = text[:-1].split("; ")
    if not others:
        pattern = rf"(Only )?(.+?) reaches it (?:in (.+?), after|in) {NUMBER} (m?s)(?:, the mean of {seeds} seeds)?"
        said = re.fullmatch(pattern, clauses[0])
        assert said, text
        assert fits(said[4], mean_of(times[first]) / (1 if said[5] == "ms" else 1000))
        assert bool(said[1]) == bool(late)
        assert said[2] == (written(first) if late else first)
        assert said[3] in (None, everyone)
    else:
        baseline = next(iter(times))
        second = baseline if baseline in others else others[0]
        check_first(clauses[0], first, second, pairs[second, first], seeds)
        open_ones = [other for other in others if other != second and pairs[other, first]["outcome"] != "decided"]
        rest = clauses[1 : 1 + len(open_ones)]
        for clause, other in zip(rest, open_ones, strict=True):
            found = pairs[other, first]
            said = re.fullmatch(rf"whether (.+) is sooner than (.+) is open \({NUMBER}×, (.+)\)", clause)
            if found["outcome"] == "equal":
                said = re.fullmatch(rf"()(.+) is as soon as .+, to within 1 % \({NUMBER}×, (.+)\)", clause)
            assert said, clause
            assert said[2] == written(other)
            assert fits(said[3], found["ratio"])
            check_interval(said[4], found, seeds)
        clauses = clauses[len(open_ones) :]
    assert len(clauses) == 1 + bool(late), text
    if late:
        check_counts(clauses[1], times)


def check_first(clause, first, second, found, seeds):
    """Who is first, against whom, by how much, how surely."""
    if found["outcome"] == "decided":
        said = re.fullmatch(rf"(.+) reaches it {NUMBER}× sooner than (.+?) \(([^()]+)\)(, which makes .+)?", clause)
        assert said, clause
        assert (said[1], said[3]) == (first, written(second))
        assert bool(said[5]) == (found["ratio"] < 1.01)
        ratio, interval = said[2], said[4]
    elif found["outcome"] == "equal":
        said = re.fullmatch(rf"(.+) and (.+) reach it equally soon, to within 1.% \({NUMBER}×, (.+)\)", clause)
        assert said, clause
        assert {said[1].lower(), said[2].lower()} == {first.lower(), second.lower()}
        ratio, interval = said[3], said[4]
    else:
        said = re.fullmatch(
            r"Whether (.+) or (.+) reaches it sooner is open: (.+) (?:is ahead|are level) "
            rf"\({NUMBER}×, (.+?)\), and (.+)",
            clause,
        )
        assert said, clause
        assert (said[1], said[2]) == (written(first), written(second))
        assert said[3] == ("they" if round(found["ratio"], 3) == 1 else written(first))
        ratio, interval = said[4], said[5]
        if seeds == 1:
            assert said[6] == "one seed decides nothing"
        else:
            more = more_seeds(found, seeds)
            shown = re.fullmatch(r"at least (\d[\d,]*) more seeds? would be needed to decide", said[6])
            if more > 1_000:
                assert said[6] == "1,000 more seeds would not decide"
            else:
                assert abs(int(shown[1].replace(",", "")) - more) <= max(1, 0.02 * more), (said[6], more)
    assert fits(ratio, found["ratio"])
    check_interval(interval, found, seeds)


def test_headlines_claim_what_the_curves_show(learning):
    check_headline(headline(learning).replace("\N{NO-BREAK SPACE}", " "), learning, times_of(learning))


def test_reasons_claim_what_the_curves_show(learning):
    """The ratio is that of the headline and of the table, and everybody's seeds are counted."""
    times, text = times_of(learning), reasons(learning)
    pairs, baseline = truth(times), next(iter(times))
    seeds, epochs = len(times[baseline]), learning.curves.groupby(["policy", "run"])["time_ms"].last()
    for policy, each in times.items():
        if policy == baseline:
            continue
        start = rf"{re.escape(policy)} gets through the same samples {NUMBER}× (faster|slower)[,;]? "
        said = re.search(rf"{start}(.+?)\.(?= [A-Z]|$)", text)
        assert said, text
        faster = epochs[baseline].mean() / epochs[policy].mean()
        assert fits(said[1], faster if said[2] == "faster" else 1 / faster)
        found = pairs.get((baseline, policy))
        if found is None:
            count = sum(time is not None for time in each)
            shown = re.search(r"(all \d+ seeds|both seeds|\d+) reach(?:es)? it", said[3])
            in_all = not shown[1].isdecimal() if shown else "its one seed reaches it" in said[3]
            assert (seeds if in_all else int(shown[1]) if shown else 0) == count
            continue
        shown = re.search(
            r"(and reaches the target equally soon, to within 1.% \(|"
            r"whether it reaches the target sooner or later is open \(so far |and reaches the target )"
            rf"{NUMBER}× (sooner|later)(?: \(|, )(.+?)(, no practical difference)?\), at (.+)",
            said[3],
        )
        assert shown, said[3]
        found = found if shown[3] == "sooner" else pairs[policy, baseline]
        assert fits(shown[2], found["ratio"])
        check_interval(shown[4], found, seeds)
        said_outcome = "equal" if "equally" in shown[1] else "open" if "is open" in shown[1] else "decided"
        assert said_outcome == found["outcome"]
        assert bool(shown[5]) == (said_outcome == "decided" and found["ratio"] < 1.01)
        rates = learning.policies.set_index("policy")["learning_rate"]
        ratio = rates[policy] / rates[baseline]
        if ratio == 1:
            assert shown[6] == "the same learning rate"
        else:
            assert fits(re.search(NUMBER, shown[6])[1], max(ratio, 1 / ratio))
            assert shown[6].endswith("larger" if ratio > 1 else "smaller")


def test_the_table_claims_what_the_curves_show(learning):
    times, shown = times_of(learning), targets(learning).set_index("Policy")
    pairs, baseline = truth(times), next(iter(times))
    for policy, each in times.items():
        row, count = shown.loc[policy], sum(time is not None for time in each)
        cell = row.filter(like="Time to").item()
        figures = re.findall(NUMBER, cell)
        if count < len(each):
            assert cell == "–"
        else:
            expected = [mean_of(each), min(each), max(each)][: len(figures)]
            assert all(fits(figure, value / 1000) for figure, value in zip(figures, expected, strict=True))
        verdict = row["Verdict"].partition(":")[0]
        found = pairs.get((baseline, policy))
        if found is None:
            assert verdict == "–"
            assert row["Speed-up to target"] == ("baseline" if policy == baseline else "–")
            continue
        assert verdict == found["outcome"]
        expected = [found["ratio"], *found["interval"]]
        figures = re.findall(rf"{NUMBER}×", row["Speed-up to target"])
        assert all(fits(figure, value) for figure, value in zip(figures, expected, strict=False))
        assert len(figures) == (3 if found["interval"][1] - found["interval"][0] > 1e-9 else 1)


def test_curves_in_words_claim_what_they_show(learning):
    """The ends are those of the seeds that neither diverge nor get stuck; how many those are is said."""
    text, times = curves_in_words(learning), times_of(learning)
    lost = learning.runs.set_index(["policy", "run"])[["diverged", "stuck"]].any(axis=1)
    for policy, curves in learning.curves.groupby("policy", sort=False):
        ends = curves.groupby("run")["loss"].last()[~lost[policy]]
        if ends.empty:
            assert f"{policy} ends" not in text
            continue
        seeds = f" in {len(ends)} of {len(lost[policy])} seeds" if lost[policy].any() else ""
        said = re.search(rf"{re.escape(policy)} ends{seeds} at {NUMBER} \({NUMBER} to {NUMBER}\); ", text)
        for shown, value in zip(said.groups(), (ends.median(), ends.min(), ends.max()), strict=True):
            assert fits(shown, value)
    assert text.endswith(headline(learning))
    assert len(times) == learning.policies["policy"].nunique()


def test_rates_in_words_claim_what_the_tried_rates_did(learning):
    """At which rates all seeds reach the target, and at which some are lost: of those that rates are tried on."""
    text, raw = rates_in_words(learning), learning.trials if len(learning.trials) else learning.curves
    for policy, rates in learning.rates.groupby("policy", sort=False):
        said = re.search(
            rf"{re.escape(policy)}: all of (\d+) seeds? reach the target at (.*?)"
            r"(?:, and some diverge or get stuck at (.*?))?(?:; |\.$)",
            text,
        )
        reached, lost = [], []
        for rate, each in raw[raw["policy"] == policy].groupby("learning_rate"):
            runs = [run for _, run in each.groupby("run")]
            assert int(said[1]) == len(runs)
            losses = [run["loss"].tolist() for run in runs]
            if all(
                time_to_target(of, run["time_ms"].tolist(), learning.target, learning.window) is not None
                for of, run in zip(losses, runs, strict=True)
            ):
                reached.append(rate)
            if any(math.isnan(of[-1]) or of[-1] > of[0] for of in losses):
                lost.append(rate)
        assert len(reached) + len(lost) <= 2 * len(rates)
        shown = [] if said[2] == "no learning rate" else re.split(", | and ", said[2])
        assert [float(rate) for rate in shown] == pytest.approx(reached, rel=1e-4)
        shown = [float(rate) for rate in re.split(", | and ", said[3])] if said[3] else []
        assert shown == pytest.approx(lost, rel=1e-4)


def test_every_kind_of_sentence_is_among_them():
    """Otherwise the checks above check little."""
    said = " ".join(headline(random_learning(number)) for number in examples(20))
    for words in (
        *(
            "sooner than",
            "is open: ",
            "more seeds would be needed",
            "Only ",
            "does in",
            "No policy reaches",
            "in any of",
        ),
        *("one seed decides", "the same in", "differ too much", "equally soon", "whether"),
    ):
        assert words in said, words
