"""Money: arithmetic on what is simulated, checked by hand, and savings that agree with verdicts."""

import math
from dataclasses import replace

import numpy as np
import pytest

from core import (
    AlphaBeta,
    Asynchronous,
    BackupWorkers,
    FlatLatency,
    Prices,
    Scenario,
    ScenarioError,
    Synchronous,
    compare,
    cost,
    costs,
    simulate,
    sweep,
    verdict,
)
from core.links import link_values, prices_of, scenario_of, values_of
from core.money import servers_held
from core.report.comparison import summary_text
from core.report.money import (
    cost_in_words,
    cost_lines,
    cost_ranking,
    cost_to_target_in_words,
    savings_in_words,
    stragglers_cost_in_words,
)
from core.report.run import text_summary

HOUR = 3_600_000
BOTH = [Synchronous(), Asynchronous()]


def test_the_cost_of_an_epoch_by_hand():
    """Four workers for two hours at $3, a third off: $16; W0 computes one hour of them, the network takes half."""
    scenario = Scenario(workers=4, batches=1, network=FlatLatency(latency_ms=HOUR / 2), samples_per_batch=50)
    run = simulate(scenario, compute_ms=[[HOUR / 2, *[1.5 * HOUR] * 3]])
    found = cost(run, Prices(worker_per_hour=3, spot_discount=1 / 3))
    assert found.epoch == pytest.approx(16)
    assert found.waiting == pytest.approx(2)
    assert found.network == pytest.approx(4)
    assert found.cancelled == found.down == found.tail == 0
    assert found.wasted == pytest.approx(6)
    assert found.per_million_batches == pytest.approx(4e6)
    assert found.per_million_samples == pytest.approx(8e4)
    assert found.samples_per_second == pytest.approx(200 / 7200)


def test_parts_of_the_cost_are_shares_of_the_workers_time():
    """Servers cost, too, but nothing of them is counted as wasted."""
    scenario = Scenario(workers=4, batches=12, network=AlphaBeta(servers=3), policy=Asynchronous())
    run = simulate(scenario)
    found = cost(run, Prices(worker_per_hour=2, server_per_hour=5))
    hours = run.metrics.epoch_ms / HOUR
    assert found.epoch == pytest.approx(hours * (4 * 2 + 3 * 5))
    used = hours * 8 * run.metrics.utilization_percent / 100
    assert used + found.wasted + found.tail == pytest.approx(hours * 8)
    assert math.isnan(found.per_million_samples)
    assert cost(simulate(replace(scenario, policy=BackupWorkers(wait_for=3))), Prices(worker_per_hour=1)).cancelled > 0


@pytest.mark.parametrize(
    ("network", "policy", "servers"),
    [
        (FlatLatency(), Asynchronous(), 0),
        (AlphaBeta(servers=2), Asynchronous(), 2),
        (AlphaBeta(servers=2), Synchronous(), 0),
        (AlphaBeta(servers=2, collective="server"), Synchronous(), 2),
    ],
)
def test_servers_are_paid_for_where_they_are_used(network, policy, servers):
    assert servers_held(Scenario(network=network), policy) == servers


def test_savings_agree_with_the_verdict():
    """All machines cost the same, so the ratio of costs is that of epoch times, and 0 is left out where 1 is."""
    scenario = Scenario(batches=5, network=FlatLatency(latency_ms=4))
    for runs in (2, 10, 300):
        table = compare(scenario, BOTH, runs)
        found, judged = costs(table, scenario, BOTH, Prices(worker_per_hour=1)), verdict(table)
        saving = found.saving(judged.winner, judged.runner_up)
        assert saving.outcome == judged.outcome
        assert saving.ratio.value == pytest.approx(judged.speedup)
        assert (saving.low > 0) == (judged.outcome == "decided")
        back = found.saving(judged.runner_up, judged.winner)
        assert (back.value, back.low, back.high) == pytest.approx((-saving.value, -saving.high, -saving.low))


def test_a_server_may_turn_the_saving_around():
    """Async is faster, but pays for a server that a ring does not need."""
    scenario = Scenario(workers=2, batches=20, network=AlphaBeta(bandwidth_gbps=100, message_mb=1))
    table = compare(scenario, BOTH, 50)
    prices = Prices(worker_per_hour=1, server_per_hour=5, currency="EUR")
    found = costs(table, scenario, BOTH, prices)
    assert verdict(table).winner == "Asynchronous"
    assert found.cheapest == "Synchronous"
    assert "EUR" in savings_in_words(found)
    assert cost_ranking(found)["Policy"].tolist() == ["Synchronous", "Asynchronous"]
    rows = found.table().set_index("policy")
    assert rows.loc["Asynchronous", "saved"] < 0
    assert rows.loc["Asynchronous", "outcome"] == "decided"


def test_a_sweep_has_costs_and_takes_prices_as_an_axis():
    prices = Prices(worker_per_hour=2)
    table = sweep(Scenario(), {"prices.worker_per_hour": [1.0, 3.0], "workers": [2, 4]}, BOTH, 5, prices=prices)
    expected = table["prices.worker_per_hour"] * table["workers"] * table["epoch_ms"] / HOUR
    np.testing.assert_allclose(table["cost"], expected)
    assert (table["cost_low"] <= table["cost"]).all()
    with pytest.raises(ScenarioError, match="is unknown"):
        sweep(Scenario(), {"prices.worker_per_hour": [1.0]}, BOTH, 5)


def test_a_link_carries_prices():
    values = link_values("worker_per_hour=2.5&currency=EUR&spot_discount=0.6&samples_per_batch=32")
    prices, scenario = prices_of(values), scenario_of(values)
    assert prices == Prices(worker_per_hour=2.5, currency="EUR", spot_discount=0.6)
    assert scenario.samples_per_batch == 32
    assert prices_of(values_of(scenario, prices)) == prices
    assert not prices_of({}).given


def test_what_is_no_price_is_refused():
    with pytest.raises(ScenarioError, match=r"prices\.worker_per_hour: -1"):
        Prices(worker_per_hour=-1)
    with pytest.raises(ScenarioError, match=r"prices\.spot_discount: 1"):
        Prices(spot_discount=1)
    with pytest.raises(ScenarioError, match="prices: 3 are not Prices"):
        cost(simulate(Scenario()), 3)
    with pytest.raises(ScenarioError, match="run: 3 is not a Run"):
        cost(3, Prices())
    with pytest.raises(ScenarioError, match="worker_per_hour is 0"):
        costs(compare(Scenario(), BOTH, 2), Scenario(), BOTH, Prices())
    with pytest.raises(ScenarioError, match="Asynchronous is in the table"):
        costs(compare(Scenario(), BOTH, 2), Scenario(), BOTH[:1], Prices(worker_per_hour=1))


def test_money_in_sentences():
    run = simulate(Scenario(samples_per_batch=64))
    prices = Prices(worker_per_hour=36_000)
    said = cost_in_words(run, prices)
    found = cost(run, prices)
    assert f"An epoch costs ${found.epoch:,.2f}" in said
    assert "samples per second" in said
    assert f"Burnt: ${found.wasted:,.2f}" in cost_lines(run, prices)
    assert cost_lines(run, Prices()) == ""
    assert text_summary(run, prices) == f"{text_summary(run)}\n{cost_lines(run, prices)}"
    paired = compare(Scenario(), BOTH, 20)
    spent = savings_in_words(costs(paired, Scenario(), BOTH, prices))
    assert summary_text(paired, BOTH, Scenario(), prices) == f"{summary_text(paired, BOTH, Scenario())}\n{spent}"
    assert "samples per second" in cost_in_words(run, Prices())
    assert cost_in_words(simulate(Scenario()), Prices()) == ""
    assert stragglers_cost_in_words(10, 25, Prices(worker_per_hour=2), 12).endswith("$60.00 a day and $1,825 a month.")
    target = {"Synchronous": HOUR, "Asynchronous": math.nan}
    said = cost_to_target_in_words(target, Scenario(), BOTH, Prices(worker_per_hour=2))
    assert said == "Reaching the target costs $8.00 with synchronous."
