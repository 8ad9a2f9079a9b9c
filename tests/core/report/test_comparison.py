"""Paired runs in words: the numbers in them are the numbers of the runs."""

import re

import numpy as np
import pandas as pd
import pytest

from core import (
    AlphaBeta,
    Asynchronous,
    BackupWorkers,
    Constant,
    FlatLatency,
    LocalSGD,
    Rebalanced,
    Scenario,
    StaleSynchronous,
    Stragglers,
    Synchronous,
    Uniform,
    compare,
)
from core.report.comparison import (
    SHARES,
    caveats,
    change_notes,
    epoch_intervals,
    headline,
    ranking,
    reasons,
    savings,
    speedup_intervals,
    summary,
    summary_text,
)
from core.statistics.pairs import means, speedup
from tests.words import numbers

BOTH = [Synchronous(), Asynchronous()]
NAMES = ("Synchronous", "Asynchronous")
FREE = FlatLatency(latency_ms=0)


def table_of(**epochs):
    """A table of epoch times alone."""
    rows = [(policy, run, ms) for policy, values in epochs.items() for run, ms in enumerate(values)]
    return pd.DataFrame(rows, columns=["policy", "replicate", "epoch_ms"])


def test_speedup_is_taken_pair_by_pair():
    gain = speedup(table_of(a=[100.0, 200, 300], b=[50, 100, 100]), "a", "b")
    assert gain.ratios.tolist() == [2, 2, 3]
    assert gain.median == 2


def test_answer_of_the_defaults():
    table = compare(Scenario(), BOTH, 1000)
    assert headline(table) == "Asynchronous finishes the epoch 1.38× faster."
    saved, network, waiting = map(
        float, re.search(r"Of the ([\d.]+).s saved, ([\d.]+).s .* and ([\d.]+).s", reasons(table, BOTH)).groups()
    )
    assert network + waiting == pytest.approx(saved, abs=0.011)
    assert saved == pytest.approx(7.600 - 5.496, abs=0.02)
    assert "a barrier costs 200 ms a batch, a push 0 to 60 ms" in caveats(Scenario(), table)
    assert "not yet faster learning" in caveats(Scenario(), table)
    assert "pays with gradients that are 2.8 updates stale on average." in reasons(table, BOTH)


def test_answer_when_nothing_differs():
    table = compare(Scenario(compute=Constant(), network=FREE), BOTH, 5)
    assert headline(table) == "Synchronous and asynchronous take the same time."


def test_answer_when_the_interval_contains_1():
    assert headline(table_of(A=[1, 2, 3], B=[3, 2, 1.0])) == "A or b: too close to call."
    assert headline(table_of(A=[1, 2, 3], B=[3, 2, 1.0], C=[5, 5, 5])) == "A or b: too close to call."


def test_answer_when_the_baseline_wins():
    table = compare(Scenario(workers=32, network=FREE), [Synchronous(), BackupWorkers(wait_for=30)], 200)
    assert headline(table).startswith("Synchronous finishes the epoch 1.0")
    assert "in work thrown away" in reasons(table, [Synchronous(), BackupWorkers(wait_for=30)])


def test_answer_of_many_names_the_winner_and_the_next():
    epochs = {"Sync": [6, 6, 6], "Quick": [2, 2, 2], "Close": [2, 1.9, 2.1], "Next": [3, 3, 3]}
    assert headline(table_of(**epochs)) == "Quick and close finish first of 4 policies, 3.00× faster than sync."
    slow = Scenario(workers=8, batches=30, network=FREE, stragglers=Stragglers(slow_workers=4))
    policies = [Synchronous(), Asynchronous(), Asynchronous(assignment="shared"), Rebalanced()]
    table = compare(slow, policies, 200)
    words = reasons(table, policies)
    assert "uneven shares" in words
    assert "Rebalanced comes next, 1.1" in words


def test_what_is_paid_is_named():
    """Staleness, dropped work, drift, known speeds."""
    scenario = Scenario(workers=8, stragglers=Stragglers(slow_workers=1), network=FlatLatency(latency_ms=500))
    for policy, price in [
        (Asynchronous(), "updates stale"),
        (StaleSynchronous(bound=2), "updates stale"),
        (LocalSGD(period=5), "drift apart for 5 batches"),
        (Rebalanced(), "speeds that must be known"),
        (BackupWorkers(wait_for=7), "of the time in work thrown away"),
    ]:
        policies = [Synchronous(), policy]
        words = reasons(compare(scenario, policies, 50), policies)
        assert f"{policy.label} pays with" in words
        assert price in words


def test_free_network_is_not_blamed():
    scenario = Scenario(network=FREE)
    assert "nearly free" not in caveats(scenario, compare(scenario, BOTH, 5))


def test_real_links_are_described():
    scenario = Scenario(network=AlphaBeta())
    assert "keeps the server busy" in caveats(scenario, compare(scenario, BOTH, 5))


def test_equal_updates_are_said_to_be_equal():
    policies = [Synchronous(), Rebalanced()]
    assert "Every update averages 4 gradients" in caveats(Scenario(), compare(Scenario(), policies, 5))


def test_one_pair_claims_no_interval():
    assert reasons(compare(Scenario(), BOTH, 1), BOTH).startswith("This is one pair of runs")


def test_few_pairs_are_all_within_the_stated_bounds():
    for replicates in (2, 3, 10, 39):
        table = compare(Scenario(), BOTH, replicates)
        gain = speedup(table, *NAMES)
        assert (gain.low, gain.high) == (gain.ratios.min(), gain.ratios.max())
        assert reasons(table, BOTH).startswith(f"In all {replicates} paired runs")


def test_never_slower_and_often_equal_is_faster():
    """Two batches on a free network: many pairs tie, none is lost."""
    table = compare(Scenario(batches=2, network=FREE), BOTH, 1000)
    assert speedup(table, *NAMES).low == 1
    assert headline(table).startswith("Asynchronous finishes the epoch 1.0")


@pytest.mark.parametrize("other", [Asynchronous(), Rebalanced(), BackupWorkers(wait_for=13), LocalSGD(period=4)])
@pytest.mark.parametrize(
    "scenario",
    [
        Scenario(workers=16, stragglers=Stragglers(hiccup_probability=0.02, slow_workers=3)),
        Scenario(workers=16, batches=2, compute=Uniform(jitter=0.5), network=FREE),
        Scenario(workers=16, batches=8, network=FlatLatency(latency_ms=50)),
    ],
)
def test_savings_add_up(scenario, other):
    """What is saved, less what is spent more, makes up the difference of the mean epochs."""
    table = compare(scenario, [Synchronous(), other], 300)
    epochs = means(table)["epoch_ms"] / 1000
    total, words = epochs.iloc[0] - epochs.iloc[1], savings(table, "Synchronous", other.label)
    if total <= 5e-4 * epochs.iloc[0]:
        assert words == ""
    elif "spends" in words:
        saved, spent = words.split("spends")
        assert sum(seconds(saved)) - sum(seconds(spent)) == pytest.approx(total, rel=0.01, abs=0.01)
    else:
        assert seconds(words)[0] == pytest.approx(total, rel=0.005)
        assert sum(seconds(words)[1:]) == pytest.approx(total, rel=0.01, abs=0.002)
    assert sorted(name for names in SHARES.values() for name in names) == sorted(
        name for name in table if name.endswith("_percent") and name != "idle_percent"
    )


def seconds(text):
    """The times in a text."""
    found = re.findall(r"([\d.,]+)\N{NO-BREAK SPACE}(m?s)\b", text)
    return [float(number.replace(",", "")) / (1000 if unit == "ms" else 1) for number, unit in found]


def test_one_worker_is_told_no_tale_of_staleness():
    table = compare(Scenario(workers=1), BOTH, 50)
    assert "stale" not in reasons(table, BOTH) + caveats(Scenario(workers=1), table)


def test_changes_read_as_falls_and_rises():
    notes = change_notes(
        pd.Series({"epoch_ms": 200.0, "idle_percent": 10.0, "throughput": 5.0}),
        pd.Series({"epoch_ms": 150.0, "idle_percent": 10.0, "throughput": 6.0}),
    )
    assert notes["epoch_ms"] == {"delta": "-25 %", "delta_color": "inverse"}
    assert notes["throughput"] == {"delta": "+20 %", "delta_color": "normal"}
    assert notes["idle_percent"]["delta"] == 0
    slight = change_notes(pd.Series({"epoch_ms": 1000.0}), pd.Series({"epoch_ms": 996.0}))
    assert slight["epoch_ms"]["delta"] == "-0.4 %"


def test_summary_has_every_metric_of_every_policy():
    table = compare(Scenario(), BOTH, 100)
    lines = summary(table)
    assert lines.index[0] == "Epoch time (ms)"
    assert lines.shape == (13, 6)
    for policy in NAMES:
        mean, low, high = (lines[f"{policy}{column}"] for column in ("", " low", " high"))
        mine = table[table["policy"] == policy]["epoch_ms"]
        assert mean.iloc[0] == pytest.approx(mine.mean())
        assert (low.iloc[0], high.iloc[0]) == pytest.approx(tuple(mine.quantile([0.025, 0.975])))
        assert ((low <= mean + 1e-9) & (mean <= high + 1e-9)).all()


def test_ranking_is_in_finishing_order_and_states_intervals():
    policies = [Synchronous(), Asynchronous(), StaleSynchronous(bound=1), BackupWorkers(wait_for=3)]
    table = compare(Scenario(), policies, 100)
    ranks = ranking(table)
    assert ranks.index.tolist() == [1, 2, 3, 4]
    epochs = [numbers(text) for text in ranks["Epoch time (s)"]]
    assert epochs == sorted(epochs)
    assert all(low <= mean <= high for mean, low, high in epochs)
    assert ranks.set_index("Policy").loc["Synchronous", "Speed-up (×)"] == "baseline"
    mine = table[table["policy"] == "Asynchronous"]
    assert ranks.set_index("Policy").loc["Asynchronous", "p95"] == round(mine["p95_staleness"].mean(), 1)


def test_intervals_hold_the_middle_of_the_runs():
    table = compare(Scenario(), BOTH, 1000)
    for spread, values in [
        (epoch_intervals(table), {p: table.loc[table["policy"] == p, "epoch_ms"] / 1000 for p in NAMES}),
        (speedup_intervals(table), {p: speedup(table, "Synchronous", p).ratios for p in NAMES}),
    ]:
        assert spread["policy"].tolist() == ["Asynchronous", "Synchronous"]
        for at in spread.itertuples():
            inside = np.mean((values[at.policy] >= at.low) & (values[at.policy] <= at.high))
            assert inside >= 0.949
            assert at.low <= at.middle <= at.high


def test_a_summary_to_paste():
    table = compare(Scenario(), BOTH, 100)
    text = summary_text(table, BOTH, Scenario())
    lines = text.splitlines()
    assert lines[0] == headline(table)
    assert lines[1] == "4 workers × 10 batches, 100 paired runs."
    assert [line.split(":")[0] for line in lines[2:4]] == ["- Asynchronous", "- Synchronous"]
    assert lines[4:] == [reasons(table, BOTH)]


def test_the_winner_is_described_whatever_the_order():
    """With async as the baseline the speed-up is still above 1, and its price is named."""
    policies = [Asynchronous(), Synchronous()]
    table = compare(Scenario(), policies, 200)
    assert headline(table).startswith("Asynchronous finishes the epoch 1.3")
    assert "between 1.3" in reasons(table, policies)
    assert "Asynchronous pays with gradients" in reasons(table, policies)


def test_a_tie_with_the_winner_is_in_the_headline():
    policies = [Synchronous(), Asynchronous(), StaleSynchronous(bound=20)]
    words = headline(compare(Scenario(), policies, 50))
    assert words.startswith("Asynchronous and stale synchronous (bound 20) finish first of 3 policies")


def test_one_gradient_is_not_gradients():
    table = compare(Scenario(), [Asynchronous(), StaleSynchronous(bound=1)], 5)
    assert "averages 1 gradient under each" in caveats(Scenario(), table)


@pytest.mark.parametrize(
    ("most", "least", "said"),
    [
        (0.3, 0, "nearly free"),
        (0.95, 0, "charges an asynchronous push less"),
        (1, 1, "cost the same here, 200 ms a batch"),
    ],
)
def test_the_network_s_kindness_is_put_into_words(most, least, said):
    scenario = Scenario(network=FlatLatency(async_fraction=most, async_least=least))
    assert said in caveats(scenario, compare(scenario, BOTH, 5))
