"""Paired runs in words: the numbers in them are the numbers of the runs."""

import re
from dataclasses import replace

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
    LogNormal,
    Measured,
    Pareto,
    Rebalanced,
    Scenario,
    StaleSynchronous,
    Stragglers,
    Synchronous,
    Uniform,
    Workload,
    compare,
    verdict,
)
from core.common.wording import NBSP
from core.report.comparison import (
    SHARES,
    caveats,
    change_notes,
    costs,
    distribution_in_words,
    epoch_intervals,
    epoch_parts,
    headline,
    in_full,
    mean_figures,
    parts_in_words,
    prices,
    ranking,
    ratios_in_words,
    reasons,
    savings,
    servers_caveat,
    speedup_intervals,
    speedups_in_words,
    summary,
    summary_text,
    verdict_figures,
)
from core.report.parameters import setting
from core.report.verdicts import RunsControl
from core.statistics.pairs import Paired, means
from tests.words import numbers

BOTH = [Synchronous(), Asynchronous()]
NAMES = ("Synchronous", "Asynchronous")
FREE = FlatLatency(latency_ms=0)


def table_of(**epochs):
    """A table of epoch times alone."""
    rows = [(policy, run, ms) for policy, values in epochs.items() for run, ms in enumerate(values)]
    return pd.DataFrame(rows, columns=["policy", "replicate", "epoch_ms"])


def test_answer_of_the_defaults():
    table = compare(Scenario(), BOTH, 1000)
    assert headline(table) == f"Asynchronous finishes the epoch 28{NBSP}% sooner: 5.49{NBSP}s instead of 7.60{NBSP}s."
    saved, network, waiting = map(
        float,
        re.search(r"Of the ([\d.]+).s saved, ([\d.]+).s .* and ([\d.]+).s", reasons(table, BOTH, Scenario())).groups(),
    )
    assert network + waiting == pytest.approx(saved, abs=0.011)
    assert saved == pytest.approx(7.600 - 5.496, abs=0.02)
    assert "a barrier costs 200 ms per batch, a push 0 to 60 ms" in caveats(Scenario(), table)
    assert "not yet faster learning" in caveats(Scenario(), table)
    said = costs(table, BOTH, Scenario())
    assert said == "What asynchronous costs: gradients that are 2.8 updates stale on average."


def test_answer_when_nothing_differs():
    table = compare(Scenario(compute=Constant(), network=FREE), BOTH, 5)
    assert headline(table) == "Synchronous and asynchronous take the same time."


def test_answer_when_the_runs_leave_it_open():
    assert (
        headline(table_of(A=[1, 2, 3.3], B=[3, 2, 1.2])) == f"Open after 3 paired runs: b is 1.6{NBSP}% sooner so far."
    )
    assert headline(table_of(A=[1, 2, 3], B=[3, 2, 1.0])) == "Open after 3 paired runs: a and b are level so far."
    three = headline(table_of(A=[1, 2, 3.3], B=[3, 2, 1.2], C=[5, 5, 5.1]))
    assert three == "B leads the 3 policies; still open against a at 1.016× the time and c at 2.44× the time."


def test_answer_when_a_difference_is_sure_and_makes_none():
    table = table_of(A=[100, 101, 102], B=[99.5, 100.5, 101.5])
    assert headline(table) == f"No practical difference: b is 0.5{NBSP}% sooner."
    assert headline(table_of(A=[100, 101], B=[99.99, 100.99])).endswith(f"b is less than 0.1{NBSP}% sooner.")
    three = headline(table_of(A=[100, 101, 102], B=[99.5, 100.5, 101.5], C=[200, 201, 202]))
    assert three == f"B finishes first of 3 policies, 0.5{NBSP}% sooner than a, no practical difference."


def test_answer_when_times_are_equal_within_1_percent():
    """Forty runs whose differences go both ways."""
    noise = np.tile([0.2, -0.2], 20)
    table = table_of(A=100 + noise, B=100.01 - noise, C=100 + noise)
    assert headline(table[table["policy"] != "C"]) == "A and b take the same time, within 1 %."
    assert headline(table) == "All 3 policies take the same time, within 1 %."
    level = headline(pd.concat([table_of(S=[200] * 40), table[table["policy"] != "C"]]))
    assert level == (
        f"A leads the 3 policies, 50{NBSP}% sooner than s: 0.100{NBSP}s instead of 0.200{NBSP}s; b at 1.000× the time "
        "is level within 1 %."
    )


def test_answer_of_one_run():
    assert (
        headline(table_of(A=[2], B=[1]))
        == f"In one run, b finishes the epoch 50{NBSP}% sooner: 1{NBSP}ms instead of 2{NBSP}ms."
    )
    assert headline(table_of(A=[1], B=[1])) == "In one run, a and b take the same time."
    assert (
        headline(table_of(A=[2], B=[1], C=[1]))
        == f"In one run, b and c finish first of 3 policies, 50{NBSP}% sooner than a: 1{NBSP}ms instead of 2{NBSP}ms."
    )


def test_what_ties_shares_a_rank():
    table = table_of(A=[4, 4], B=[2, 2], C=[2, 2], D=[3, 3])
    assert Paired.of(table).ranks == {"A": 4, "B": 1, "C": 1, "D": 3}
    assert (
        headline(table)
        == f"B and c finish first of 4 policies, 50{NBSP}% sooner than a: 2{NBSP}ms instead of 4{NBSP}ms."
    )
    assert headline(table_of(A=[2, 2], B=[2, 2], C=[2, 2])) == "All 3 policies take the same time."


def test_answer_when_the_baseline_wins():
    scenario, policies = Scenario(workers=32, network=FREE), [Synchronous(), BackupWorkers(wait_for=30)]
    table = compare(scenario, policies, 200)
    assert headline(table).startswith(f"Synchronous finishes the epoch 6.3{NBSP}% sooner: ")
    assert "on work that is thrown away; under synchronous, " in reasons(table, policies, scenario)


def test_answer_of_many_names_the_winner_and_the_next():
    epochs = {"Sync": [6, 6, 6], "Quick": [2, 2, 2], "Close": [2.1, 1.9, 2.2], "Next": [3, 3, 3]}
    leads = (
        f"Quick leads the 4 policies, 67{NBSP}% sooner than sync: 2{NBSP}ms instead of 6{NBSP}ms; still open against "
        "close at 1.03× the time."
    )
    assert headline(table_of(**epochs)).replace("1.033", "1.03") == leads
    slow = Scenario(workers=8, batches=30, network=FREE, stragglers=Stragglers(slow_workers=4))
    policies = [Synchronous(), Asynchronous(), Asynchronous(assignment="shared"), Rebalanced()]
    table = compare(slow, policies, 200)
    words = reasons(table, policies, slow)
    assert "uneven shares" in costs(table, policies, slow)
    assert "Next comes rebalanced, which takes 1.1" in words


def test_what_is_paid_is_named():
    """Staleness, dropped work, drift, known speeds."""
    scenario = Scenario(workers=8, stragglers=Stragglers(slow_workers=1), network=FlatLatency(latency_ms=500))
    for policy, price in [
        (Asynchronous(), "updates stale"),
        (StaleSynchronous(bound=2), "updates stale"),
        (LocalSGD(period=5), "drift apart for up to 5 batches"),
        (Rebalanced(), "speeds that must be known"),
        (BackupWorkers(wait_for=7), "of the workers' time in work that is thrown away"),
    ]:
        policies = [Synchronous(), policy]
        words = reasons(compare(scenario, policies, 50), policies, scenario)
        paid = prices(policy, means(compare(scenario, policies, 50)).loc[policy.label])
        assert price in " ".join(paid), words


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
    assert reasons(compare(Scenario(), BOTH, 1), BOTH, Scenario()).startswith("This is one pair of runs")


@pytest.mark.parametrize("replicates", [2, 3, 10, 39, 40, 200])
def test_a_spread_says_which_runs_it_holds(replicates):
    """The middle 95 % of fewer than 40 runs would be all of them."""
    table = compare(Scenario(), BOTH, replicates)
    sync, quick = (table.loc[table["policy"] == name, "epoch_ms"].to_numpy() for name in NAMES)
    low, high = Paired.of(table).spread_of_ratios(*NAMES)
    texts = [reasons(table, BOTH, Scenario()), distribution_in_words(table), ratios_in_words(table, *NAMES)]
    if replicates < 40:
        assert (low, high) == ((sync / quick).min(), (sync / quick).max())
        few = "both" if replicates == 2 else f"all {replicates}"
        assert all(f"{few} r" in text for text in texts)
        assert not any("middle 95" in text for text in texts)
    else:
        assert (low, high) == pytest.approx(tuple(np.quantile(sync / quick, [0.025, 0.975])))
        assert all("the middle 95 % of the r" in text for text in texts)


def test_never_slower_and_often_equal_is_faster():
    """Two batches on a free network: many pairs tie, none is lost."""
    scenario = Scenario(batches=2, network=FREE)
    table = compare(scenario, BOTH, 1000)
    assert Paired.of(table).spread_of_ratios(*NAMES)[0] == 1
    assert headline(table).startswith(f"Asynchronous finishes the epoch 3.1{NBSP}% sooner")
    ahead, tied = re.search(
        "is faster in (\\d+) of 1,000 runs, level in (\\d+);", reasons(table, BOTH, scenario)
    ).groups()
    ahead, tied = int(ahead), int(tied)
    assert ahead + tied == 1000
    assert 0 < tied < 1000


def test_what_would_settle_it_is_said_with_its_control():
    policies = [Synchronous(), Rebalanced()]
    scenario = Scenario(network=FREE, stragglers=Stragglers(spread=0.02))
    open_table = compare(scenario, policies, 3)
    needed = verdict(open_table).runs_to_decide
    words = reasons(open_table, policies, scenario)
    said = re.search(r": open\. About ([\d,]+) runs would settle it \(Paired runs\)\.", words)
    assert needed <= float(said[1].replace(",", "")) <= 1.1 * needed + 1
    few = reasons(open_table, policies, scenario, RunsControl("--replicates", 3))
    assert "would settle it, more than the 3 that fit here." in few
    assert "saved" not in words


def test_intervals_of_several_policies_are_corrected_for_all_pairs():
    policies = [Synchronous(), Asynchronous(), LocalSGD(period=2)]
    words = reasons(compare(Scenario(), policies, 20), policies, Scenario())
    assert "(95 % interval, corrected for all 3 pairs: 1." in words


@pytest.mark.parametrize(
    ("probability", "replicates", "said"),
    [(0.001, 5, "Hiccups are rare: about 0.200 are expected in 5 runs"), (0.01, 100, ""), (0.05, 1, "in 1 run.")],
)
def test_rare_events_are_said_to_decide(probability, replicates, said):
    scenario = Scenario(stragglers=Stragglers(hiccup_probability=probability))
    words = reasons(compare(scenario, BOTH, replicates), BOTH, scenario)
    assert said in words
    assert ("Hiccups are rare" in words) == bool(said)


def test_times_without_a_variance_are_said_to_be_so():
    wild = Scenario(compute=Pareto(alpha=1.5))
    assert "no finite variance" in reasons(compare(wild, BOTH, 20), BOTH, wild)


def test_a_ratio_that_does_not_vary_is_exact_unless_something_rare_may_fall():
    still = Scenario(compute=Constant(), network=FlatLatency(latency_ms=100, async_fraction=1, async_least=1))
    policies = [Synchronous(), LocalSGD(period=2)]
    assert "1.09× the time of local SGD (every 2): the ratio is exact." in reasons(
        compare(still, policies, 5), policies, still
    )
    rare = replace(still, stragglers=Stragglers(hiccup_probability=1e-4))
    words = reasons(compare(rare, policies, 5), policies, rare)
    assert "exact" not in words
    assert "Hiccups are rare" in words


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
        *spent, less = seconds(spent)
        assert less == pytest.approx(total, rel=0.01, abs=0.01)
        assert sum(seconds(saved)) - sum(spent) == pytest.approx(less, rel=1e-9)
    else:
        assert seconds(words)[0] == pytest.approx(total, rel=0.005)
        assert sum(seconds(words)[1:] or seconds(words)) == pytest.approx(seconds(words)[0], rel=1e-9)
    assert sorted(name for names in SHARES.values() for name in names) == sorted(
        name for name in table if name.endswith("_percent") and name != "idle_percent"
    )


def seconds(text):
    """The times in a text."""
    found = re.findall(r"([\d.,]+)\N{NO-BREAK SPACE}(m?s)\b", text)
    return [float(number.replace(",", "")) / (1000 if unit == "ms" else 1) for number, unit in found]


def test_one_worker_is_told_no_tale_of_staleness():
    table = compare(Scenario(workers=1), BOTH, 50)
    assert "stale" not in reasons(table, BOTH, Scenario(workers=1)) + caveats(Scenario(workers=1), table)
    assert costs(table, BOTH, Scenario(workers=1)).startswith("With one worker there is nobody to wait for")


def test_changes_read_as_falls_and_rises():
    notes = change_notes(
        pd.Series({"epoch_ms": 200.0, "idle_percent": 10.0, "throughput": 5.0}),
        pd.Series({"epoch_ms": 150.0, "idle_percent": 10.0, "throughput": 6.0}),
    )
    assert notes["epoch_ms"] == {"delta": "-25 %", "delta_color": "inverse"}
    assert notes["throughput"] == {"delta": "+20 %", "delta_color": "normal"}
    assert notes["idle_percent"]["delta"] == 0
    unsure = change_notes(pd.Series({"epoch_ms": 200.0}), pd.Series({"epoch_ms": 150.0}), "open")
    assert unsure["epoch_ms"] == {"delta": "-25 %", "delta_color": "off"}
    slight = change_notes(pd.Series({"epoch_ms": 1000.0}), pd.Series({"epoch_ms": 996.0}))
    assert slight["epoch_ms"]["delta"] == "-0.4 %"


def test_summary_has_every_metric_of_every_policy():
    table = compare(Scenario(), BOTH, 100)
    lines = summary(table)
    assert lines.index[0] == "Epoch time (ms)"
    assert lines.shape == (15, 6)
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
    assert ranks.index.tolist() == [1, 1, 3, 4]  # over ten batches a bound of 1 holds nobody up
    epochs = [numbers(text) for text in ranks["Epoch time (s)"]]
    assert epochs == sorted(epochs)
    assert ranks.set_index("Policy").loc["Synchronous", "Speed-up (×)"] == "baseline"
    mine = table[table["policy"] == "Asynchronous"]
    stale = float(ranks.set_index("Policy").loc["Asynchronous", "Staleness"])
    assert stale == pytest.approx(mine["mean_staleness"].mean(), abs=0.005)


def test_the_parts_of_an_epoch_make_up_its_mean():
    policies = [Synchronous(), Asynchronous(), BackupWorkers(wait_for=3)]
    table = compare(Scenario(), policies, 100)
    parts = pd.DataFrame(epoch_parts(table))
    whole = parts.groupby("policy", sort=False)[["seconds", "percent"]].sum()
    assert list(whole.index) == Paired.of(table).order
    assert whole["seconds"].to_numpy() == pytest.approx(means(table)["epoch_ms"].loc[whole.index] / 1000)
    assert whole["percent"].to_numpy() == pytest.approx(100)
    cancelled = parts[(parts["policy"] == "Backup workers (first 3)") & (parts["phase"] == "cancelled")]
    mine = table[table["policy"] == "Backup workers (first 3)"]
    assert cancelled["seconds"].item() == pytest.approx((mine["epoch_ms"] * mine["cancelled_percent"]).mean() / 1e5)
    assert f"Backup workers (first 3) 9.99{NBSP}s: 4.78{NBSP}s compute" in parts_in_words(table)


def test_intervals_hold_the_middle_of_the_runs():
    table = compare(Scenario(), BOTH, 1000)
    spread = epoch_intervals(table)
    assert spread["policy"].tolist() == ["Asynchronous", "Synchronous"]
    for at in spread.itertuples():
        runs_s = table.loc[table["policy"] == at.policy, "epoch_ms"] / 1000
        assert 0.949 <= runs_s.between(at.low, at.high).mean() <= 0.951
        assert at.low <= at.middle <= at.high


def test_speed_ups_are_those_of_the_verdict():
    """Table, data, chart and pasted text."""
    table = compare(Scenario(), BOTH, 100)
    found, gains = verdict(table), speedup_intervals(table).set_index("policy")
    assert gains.loc["Asynchronous"].tolist() == [found.speedup, found.low, found.high, "decided"]
    assert gains.loc["Synchronous"].tolist() == [1, 1, 1, ""]
    assert mean_figures(table).loc["Asynchronous", ["speedup", "low", "high"]].tolist() == [
        found.speedup,
        found.low,
        found.high,
    ]
    text = f"{found.speedup:.3f} ({found.low:.3f} to {found.high:.3f})"
    assert ranking(table)["Speed-up (×)"].tolist() == [text, "baseline"]
    assert f"speed-up {text}" in summary_text(table, BOTH, Scenario())
    assert speedups_in_words(table).endswith(f"Asynchronous {text}; Synchronous baseline.")
    assert verdict_figures(table)["faster_percent"] == found.faster_percent == 100


def test_throughput_is_of_all_runs_together():
    """So it compares as the epochs do, however much they vary."""
    table = compare(Scenario(compute=Pareto(alpha=1.3)), BOTH, 10)
    sync, quick = (means(table).loc[name] for name in NAMES)
    assert quick["throughput"] / sync["throughput"] == pytest.approx(sync["epoch_ms"] / quick["epoch_ms"])
    assert quick["throughput"] == pytest.approx(40_000 / quick["epoch_ms"])


def test_a_summary_to_paste():
    table = compare(Scenario(), BOTH, 100)
    text = summary_text(table, BOTH, Scenario())
    lines = text.splitlines()
    assert lines[0] == headline(table)
    assert lines[1] == (
        "4 workers × 10 mini-batches of 500\N{NO-BREAK SPACE}ms on average, "
        "200\N{NO-BREAK SPACE}ms of network latency, 100 paired runs."
    )
    assert [line.split(":")[0] for line in lines[2:4]] == ["- Asynchronous", "- Synchronous"]
    assert lines[4:] == [in_full(table, BOTH, Scenario())]
    assert in_full(table, BOTH, Scenario()).startswith("What asynchronous costs: gradients that are 2.8 updates stale")


def test_what_is_compared_is_said_with_its_distribution_nodes_and_buckets():
    nodes = AlphaBeta(workers_per_node=4, buckets=2)
    said = {
        law: setting(Scenario(workers=8, compute=law, network=nodes)) for law in (Pareto(), LogNormal(), Constant())
    }
    many, over = "8 workers × 10 mini-batches", "100 MB of gradients in 2 buckets over 10 Gb/s links between nodes of 4"
    assert [each.replace("\N{NO-BREAK SPACE}", " ") for each in said.values()] == [
        f"{many} of 500 ms on average (Pareto), {over}",
        f"{many} of 500 ms on average (log-normal), {over}",
        f"{many} of 500 ms, {over}",
    ]
    measured = setting(Scenario(compute=Measured(compute_ms=[[1, 2, 3, 4]])))
    assert measured.startswith("4 workers × 10 mini-batches as measured, 200")


def test_the_winner_is_described_whatever_the_order():
    """With async as the baseline the speed-up is still above 1, and its price is named."""
    policies = [Asynchronous(), Synchronous()]
    table = compare(Scenario(), policies, 200)
    assert headline(table).startswith("Asynchronous finishes the epoch 28")
    assert "between 1.3" in reasons(table, policies, Scenario())
    assert costs(table, policies, Scenario()).startswith("What asynchronous costs: gradients")


def test_a_tie_with_the_winner_is_in_the_headline():
    policies = [Synchronous(), Asynchronous(), StaleSynchronous(bound=20)]
    words = headline(compare(Scenario(), policies, 50))
    assert words.startswith("Asynchronous and stale synchronous (bound 20) finish first of 3 policies")


def test_one_gradient_is_not_gradients():
    table = compare(Scenario(), [Asynchronous(), StaleSynchronous(bound=1)], 5)
    assert "averages 1 gradient under each" in caveats(Scenario(), table)


def test_local_sgd_averages_parameters_and_not_gradients():
    table = compare(Scenario(), [Synchronous(), LocalSGD(period=8)], 5)
    said = "an update averages 4 gradients with synchronous. Local SGD (every 8) averages parameters after local steps"
    assert said in caveats(Scenario(), table)
    table = compare(Scenario(), [LocalSGD(period=2), LocalSGD(period=8)], 5)
    both = "Local SGD (every 2) and local SGD (every 8) average parameters after local steps, not gradients."
    assert caveats(Scenario(), table).endswith(both)


@pytest.mark.parametrize(
    ("most", "least", "said"),
    [
        (0.3, 0, "nearly free"),
        (0.95, 0, "charges an asynchronous push less"),
        (1, 1, "cost the same here, 200 ms per batch"),
    ],
)
def test_the_network_s_kindness_is_put_into_words(most, least, said):
    scenario = Scenario(network=FlatLatency(async_fraction=most, async_least=least))
    assert said in caveats(scenario, compare(scenario, BOTH, 5))


def test_pushes_that_are_faster_than_a_workers_own_link_are_said():
    """As many servers as workers, each reached at full speed at once."""
    both, links = [Synchronous(), Asynchronous()], AlphaBeta(bandwidth_gbps=10, servers=16, efficiency=0.5)
    said = servers_caveat(Workload(workers=16, network=links), both)
    assert said == (
        "This network model favours async: a push goes to all 16 servers at once, so 80 Gb/s leave a worker whose own "
        "link carries 5 Gb/s."
    )
    in_nodes = replace(links, workers_per_node=8, links_per_node=2)
    assert servers_caveat(Workload(workers=16, network=in_nodes), both).endswith(
        "20 Gb/s leave a worker in a node whose links carry 10 Gb/s."
    )
    one = Workload(workers=16, network=replace(links, servers=1))
    assert servers_caveat(one, both, 16) == f"With 16 servers, t{said[1:]}"
    for network, policies in [
        (replace(links, servers=1), both),
        (replace(links, own_link=True), both),
        (replace(in_nodes, server_place="inside"), both),
        (links, both[:1]),
        (FlatLatency(), both),
    ]:
        assert servers_caveat(Workload(workers=16, network=network), policies) == ""
