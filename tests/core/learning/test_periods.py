"""The best period: each contender against `learn`, how periods are chosen, what is left out, and what is said."""

import re
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest

from core import AlphaBeta, Failures, LocalSGD, LogNormal, Scenario, ScenarioError, Synchronous, learn
from core.learning import Digits, NoisyQuadratic, best_period
from core.learning.experiment import FEWEST_EACH, most_workers
from core.learning.periods import (
    DILOCO,
    DILOCO_DELAYED,
    LOCAL,
    LOCAL_DELAYED,
    SYNC,
    batches_for,
    contenders,
    delay_for,
)
from core.report import periods as report
from core.statistics.log_ratios import log_ratios

WAN = Scenario(workers=4, compute=LogNormal(mean_ms=100, cv=0.1), network=AlphaBeta(latency_ms=30, bandwidth_gbps=5))
BOWL = NoisyQuadratic(curvatures=(1.0, 0.1))


@lru_cache
def found():
    return best_period(WAN, BOWL, periods=(8, 1, 2), seeds=4, gradients=160)


def test_each_contender_is_what_learn_says():
    table = found().table.set_index("policy")
    own = learn(WAN, [Synchronous(), LocalSGD(period=8)], BOWL, seeds=4, gradients=160, momentum=(0, 0.9)).policies
    for row in own.itertuples():
        assert table.loc[row.policy, "time_to_target_ms"] == pytest.approx(row.time_to_target_ms)
        assert table.loc[row.policy, "sent_mb"] == pytest.approx(row.sent_mb)
        assert table.loc[row.policy, "momentum"] == row.momentum
    assert table["way"].tolist() == [
        SYNC,
        *[LOCAL, LOCAL, LOCAL_DELAYED, LOCAL_DELAYED],
        *[DILOCO] * 3,
        *[DILOCO_DELAYED] * 2,
    ]
    assert table["period"].tolist() == [1, 2, 8, 2, 8, 1, 2, 8, 2, 8]


def test_the_period_is_chosen_on_other_seeds_than_it_is_judged_by():
    rates = found().all.rates
    tried = rates[rates["best"]].set_index("policy")["time_to_target_ms"]
    for _, rows in found().table.groupby("way"):
        (chosen,) = rows.loc[rows["chosen"], "policy"]
        assert tried[chosen] == tried[rows["policy"].tolist()].min()
    assert not set(found().all.trials["time_ms"]) & set(found().all.curves["time_ms"]) - {0.0}


def test_others_are_judged_against_the_chosen_period_of_their_way():
    times = found().all.runs.pivot(index="run", columns="policy", values="time_to_target_ms")
    rows = found().table[found().table["way"] == DILOCO].set_index("policy")
    (best,) = rows.index[rows["chosen"]]
    others = rows.index[~rows["chosen"]]
    ratios = log_ratios([(times[name].to_numpy(), times[best].to_numpy()) for name in others])
    for name, ratio in zip(others, ratios, strict=True):
        shown = rows.loc[name, ["over_chosen", "over_chosen_low", "over_chosen_high"]].tolist()
        assert shown == pytest.approx([ratio.value, ratio.low, ratio.high])
        assert rows.loc[name, "outcome"] == ratio.outcome


def test_a_delay_hides_an_exchange_within_half_a_period():
    assert WAN.network.barrier_ms(4) == 420
    assert [delay_for(WAN, period) for period in (2, 4, 8, 16)] == [1, 2, 4, 5]
    assert delay_for(Scenario(network=AlphaBeta(latency_ms=0)), 16) == 1


def test_a_training_has_five_averages_of_the_longest_period_or_it_is_left_out():
    assert batches_for(4, BOWL, (1, 64)) == 320
    many = most_workers(Digits(), FEWEST_EACH)
    assert batches_for(many, Digits(), (1, 32)) == FEWEST_EACH
    short = Scenario(batches=FEWEST_EACH)
    assert {each.period for each in contenders(short, (1, 2, 3, 4))} == {1, 2, 3}
    assert contenders(short, (4,)) == contenders(short, (4, 8))
    none_fits = best_period(Scenario(workers=8), BOWL, periods=100_000, seeds=1, gradients=40)
    assert none_fits.too_long == (100_000,)
    assert none_fits.table["policy"].tolist() == ["Synchronous"]
    assert "Left out: a period of 100,000 batches" in report.too_long(none_fits)


@pytest.mark.parametrize("periods", [0, "4", (), (2, 2), (1.5,), range(1, 20), True, None])
def test_periods_that_are_none_are_refused(periods):
    with pytest.raises(ScenarioError, match=r"^periods: "):
        best_period(WAN, BOWL, periods=periods)


def test_who_cannot_be_trained_is_left_out_and_said():
    failing = Scenario(workers=2, failures=Failures(mtbf_hours=1, recovery="elastic", restart_s=0.1))
    told = []
    got = best_period(failing, BOWL, periods=2, seeds=1, gradients=40, progress=lambda *done: told.append(done))
    assert told == [(number, 5) for number in (1, 2, 3, 4, 5)]
    at_once, later = "(every 2)", "(every 2, delay 1)"
    assert set(got.refused) <= {f"{way} {when}" for way in ("Local SGD", "DiLoCo") for when in (at_once, later)}
    for name, why in got.refused.items():
        assert f"{name} is left out. {why}" in report.reasons(got)


def test_the_answer_in_words():
    table, said = found().table.set_index("policy"), " ".join(report.reasons(found()))
    head = report.headline(found())
    first = found().chosen.policies.set_index("policy")["time_to_target_ms"].idxmin()
    assert head.startswith((first, f"Whether {first[0].lower()}"))
    ratio = found().chosen.ratios["Synchronous", first]
    assert f"{ratio.value:.2f}×" in head
    assert f"each worker sends {report.rounded(table.loc[first, 'sent_mb'])}" in said
    assert report.verdict_on_diloco(found()) in head
    shown = report.targets(found())
    assert shown["Policy"].tolist() == table.index.tolist()
    assert (shown["Against the best period"] == "chosen").sum() == 4
    assert len(report.times_in_words(found())) > 100


@pytest.mark.parametrize(
    ("times", "verdict"),
    [
        ((2.0, 2.02, 2.01), "DiLoCo is worth it"),
        ((0.5, 0.51, 0.5), "DiLoCo is not worth it"),
        ((1.001, 1.002, 1.001), "DiLoCo makes no practical difference"),
        ((1.0, 1.001, 0.999), "DiLoCo makes no practical difference"),
        ((0.5, 2.0, 1.5), "whether DiLoCo is worth it is open"),
    ],
)
def test_whether_diloco_is_worth_it(times, verdict, monkeypatch):
    (ratio,) = log_ratios([(np.array(times), np.ones(3))])
    monkeypatch.setattr(report, "diloco_over_local", lambda _: ratio)
    assert re.sub(r" with a delay( \(.*?\))?", "", report.verdict_on_diloco(found())) == verdict
    assert ("open" in report.worth(found())) == ("open" in verdict)


@pytest.mark.parametrize(
    ("ways", "named"),
    [
        ((DILOCO, LOCAL), "DiLoCo is"),
        ((DILOCO, LOCAL_DELAYED), "DiLoCo is"),
        ((DILOCO_DELAYED, LOCAL), "DiLoCo with a delay is"),
        ((DILOCO_DELAYED, LOCAL_DELAYED), "DiLoCo with a delay (against local SGD with a delay) is"),
    ],
)
def test_what_is_worth_it_is_named_with_its_delay_and_told_apart_from_it(ways, named, monkeypatch):
    """Of delay and outer optimizer each has a sentence, but for the pair that the verdict is about."""
    monkeypatch.setattr(report, "judged_ways", lambda _: ways)
    assert named in report.verdict_on_diloco(found())
    names = found().table[found().table["chosen"]].set_index("way")["policy"]
    said = report.reasons(found())
    assert said[1].startswith(names[ways[0]])
    assert f" than {names[ways[1]][0].lower()}{names[ways[1]][1:]} (" in said[1]
    (outer,) = [each for each in said if each.startswith("What the outer optimizer does: ")]
    pairs = [(DILOCO, LOCAL), (DILOCO_DELAYED, LOCAL_DELAYED)]
    for one, other in pairs:
        there = f"{names[one]} is" in outer and f"than l{names[other][1:]} (" in outer
        assert there == ((one, other) != ways)
    (later,) = [each for each in said if each.startswith("What the delay does: ")]
    for one, other in ((DILOCO_DELAYED, DILOCO), (LOCAL_DELAYED, LOCAL)):
        ratio = found().chosen.ratios[names[other], names[one]].value
        assert report.over(found(), names[one], names[other])[1:] in later
        assert f"{report.compared(ratio, 'sooner', 'later')}" in later


def test_the_way_that_was_sooner_on_the_seeds_to_choose_by_is_judged():
    tried = found().all.rates[found().all.rates["best"]].set_index("policy")["time_to_target_ms"]
    names = found().table[found().table["chosen"]].set_index("way")["policy"]
    for way, both in zip(report.judged_ways(found()), ((DILOCO, DILOCO_DELAYED), (LOCAL, LOCAL_DELAYED)), strict=True):
        assert way == min(both, key=lambda each: tried[names[each]])


def test_where_nobody_learns():
    got = best_period(WAN, BOWL, periods=1, seeds=1, gradients=20, target=1e-9)
    assert report.headline(got).startswith("No policy reaches a loss of")
    assert report.drawn(got).empty
    assert pd.isna(got.table["time_to_target_ms"]).all()
    assert report.reasons(got) == []
