"""The controls between sync and async: policies, laws, stragglers, networks, on both pages."""

from dataclasses import replace

import pytest

from core import (
    AlphaBeta,
    Asynchronous,
    BackupWorkers,
    Gumbel,
    KAsync,
    LocalSGD,
    LogNormal,
    Pareto,
    Rebalanced,
    Scenario,
    ShiftedExponential,
    StaleSynchronous,
    Stragglers,
    Synchronous,
    compare,
    simulate,
)
from core.presets.network_links import NODES_OF_8, REGIONS
from core.report.comparison import headline as headline_of
from core.report.comparison import ranking
from core.report.run import text_summary
from core.schedule.downsampling import MAX_BLOCKS
from core.statistics.pairs import Paired
from tests.pages.helpers import alive, charts, complaints, headline, link, marks, value


@pytest.mark.parametrize(
    ("params", "changes"),
    [
        ({"mode": "ssp", "bound": "2"}, {"policy": StaleSynchronous(bound=2)}),
        ({"mode": "backup", "wait_for": "2"}, {"policy": BackupWorkers(wait_for=2)}),
        ({"mode": "backup", "wait_for": "60"}, {"policy": BackupWorkers(wait_for=4)}),
        ({"mode": "k-async", "wait_for": "2"}, {"policy": KAsync(wait_for=2)}),
        ({"mode": "local", "period": "5"}, {"policy": LocalSGD(period=5)}),
        (
            {"mode": "rebalanced", "slow_workers": "1"},
            {"policy": Rebalanced(), "stragglers": Stragglers(slow_workers=1)},
        ),
        ({"mode": "async", "accumulate": "3"}, {"policy": Asynchronous(accumulate=3)}),
        ({"mode": "async", "assignment": "shared"}, {"policy": Asynchronous(assignment="shared")}),
        ({"law": "lognormal", "cv": "0.5"}, {"compute": LogNormal(cv=0.5)}),
        ({"law": "gumbel", "gumbel_cv": "0.3"}, {"compute": Gumbel(cv=0.3)}),
        ({"law": "exponential", "shift": "0.1"}, {"compute": ShiftedExponential(shift=0.1)}),
        ({"law": "pareto", "tail": "2.5"}, {"compute": Pareto(alpha=2.5)}),
        ({"spread": "0.1"}, {"stragglers": Stragglers(spread=0.1)}),
        ({"hiccup_probability": "0.05"}, {"stragglers": Stragglers(hiccup_probability=0.05)}),
        (
            {"episode_share": "0.2", "episode_batches": "5", "episode_factor": "2"},
            {"stragglers": Stragglers(episode_share=0.2, episode_batches=5, episode_factor=2)},
        ),
        (  # no shorter than by chance
            {"episode_share": "0.75", "episode_batches": "1"},
            {"stragglers": Stragglers(episode_share=0.75, episode_batches=4)},
        ),
        ({"network": "tree", "message_mb": "50"}, {"network": AlphaBeta(collective="tree", message_mb=50)}),
        (
            {"network": "server", "mode": "async", "servers": "2"},
            {"network": AlphaBeta(collective="server", servers=2), "policy": Asynchronous()},
        ),
    ],
    ids=str,
)
def test_each_control_from_a_link(open_page, params, changes):
    app = open_page(**params)
    assert alive(app)
    assert not complaints(app)
    assert app.text[0].value == text_summary(simulate(Scenario(**changes)))
    assert all(f"{key}={value}" in link(app) for key, value in params.items())


def test_a_policy_shows_its_own_parameter_only(open_page):
    app = open_page()
    shown = {"bound", "wait_for", "period", "accumulate"}
    for mode, keys in [("ssp", {"bound"}), ("local", {"period"}), ("async", {"accumulate"}), ("sync", set())]:
        app.selectbox(key="mode").set_value(mode).run()
        assert alive(app)
        assert {slider.key for slider in app.sidebar.slider} & shown == keys
    app.selectbox(key="mode").set_value("ssp").run()
    app.slider(key="bound").set_value(7).run()
    assert "Mode: stale synchronous (bound 7)" in app.text[0].value


def test_named_links_fill_in_values_that_can_be_changed(open_page):
    app = open_page(network="ring")
    app.menu_button(key="links").click("100 GbE: 0.01 ms, 100 Gb/s").run()
    assert (app.number_input(key="alpha_ms").value, app.number_input(key="bandwidth_gbps").value) == (0.01, 100)
    assert value(app, "own_link")
    app.number_input(key="bandwidth_gbps").set_value(25).run()
    assert app.text[0].value == text_summary(simulate(Scenario(network=AlphaBeta(latency_ms=0.01, bandwidth_gbps=25))))
    assert any("A barrier costs" in caption.value for caption in app.sidebar.caption)
    assert "latency_ms" not in {slider.key for slider in app.slider}  # it does not act on this network


def test_links_of_two_levels_can_be_picked(open_page):
    app = open_page("timeline", network="ring", workers="16", message_mb="400")
    app.menu_button(key="links").click("8 GPUs per node: NVLink-class inside, 4 × 100 GbE out").run()
    assert not complaints(app)
    assert value(app, "workers_per_node") == 8
    assert value(app, "links_per_node") == 4
    assert value(app, "own_link")
    paid = f"A barrier costs {NODES_OF_8.barrier_ms(16):.4g} ms"
    assert any(paid in said.value for said in app.sidebar.caption)
    app.menu_button(key="links").click("Regions of 8 over a WAN: 100 GbE inside").run()
    assert (value(app, "alpha_ms"), value(app, "node_bandwidth_gbps")) == (REGIONS.latency_ms, 100)


def test_staleness_and_shares_of_contributions(open_page):
    app = open_page(mode="async", assignment="shared", slow_workers="1")
    assert len(charts(app)) == 4
    words = [text.value for text in app.main.markdown]
    assert any("updates stale on average" in text for text in words)
    assert any("contributes most" in text for text in words)
    app.selectbox(key="mode").set_value("sync").run()
    assert len(charts(app)) == 2
    assert any("Every gradient is fresh" in text.value for text in app.main.markdown)


SIX = ["sync", "rebalanced", "async shared", "ssp 3", "backup 3", "k-async 2"]
POLICIES = [
    Synchronous(),
    Rebalanced(),
    Asynchronous(assignment="shared"),
    StaleSynchronous(bound=3),
    BackupWorkers(wait_for=3),
    KAsync(wait_for=2),
]


def test_compare_many(open_page):
    app = open_page("compare", policies=SIX, replicates="50")
    assert alive(app)
    assert not complaints(app)
    table = compare(Scenario(), POLICIES, 50)
    assert headline(app) == headline_of(table)
    assert app.dataframe[0].value["Policy"].tolist() == Paired.of(table).order
    assert app.dataframe[0].value.equals(ranking(table))
    pictures = charts(app)[1:7]
    domains = [chart["layer"][0]["encoding"]["x"]["scale"]["domain"] for chart in pictures]
    assert domains == [domains[0]] * 6
    assert app.main.caption[-1].value.endswith("for 300 simulated epochs.")


def test_eight_policies_of_many_workers_stay_within_the_marks_a_browser_draws(open_page):
    params = {"policies": [f"ssp {bound}" for bound in range(8)], "workers": "64", "batches": "100", "replicates": "5"}
    app = open_page("compare", **params)
    assert alive(app)
    assert len(charts(app)) == 11
    assert 4_000 < marks(app) <= 2 * MAX_BLOCKS + 100


def test_policies_that_fit_the_workers(open_page):
    """Waiting for seven of four means all four; two names for one policy are one."""
    app = open_page("compare", policies=["sync", "backup 7", "backup 9"])
    assert not complaints(app)
    assert any("first 7): compared as backup 4, as there are 4 workers" in said.value for said in app.main.caption)
    assert "Backup workers (first 4)" in [heading.value for heading in app.main.subheader]
    app = open_page("compare", policies=["backup 7", "backup 9"])
    assert any("Synchronous and asynchronous are shown instead" in info.value for info in app.info)
    assert alive(app)


def test_what_is_typed_wrong_is_named_and_left_out(open_page):
    app = open_page("compare")
    app.multiselect(key="policies").set_value(["sync", "async", "backpu 3"]).run()
    (message,) = complaints(app)
    assert "'backpu 3' is not a policy" in message
    assert len(app.main.metric) == 6
    app.multiselect(key="policies").set_value([]).run()
    assert alive(app)
    assert len(app.main.metric) == 6


@pytest.mark.parametrize("bad", [["sync"], ["sync", "sync"], ["sync", "foo"], [f"ssp {bound}" for bound in range(9)]])
def test_policies_that_a_link_may_not_ask_for(open_page, bad):
    app = open_page(policies=bad)
    assert "`policies`" in complaints(app)[0]
    assert alive(app.switch_page("pages/compare.py").run())
    assert app.multiselect(key="policies").value == ["sync", "async"]


def shown(app):
    """The keys of the controls that are there."""
    return {widget.key for kind in ("slider", "number_input", "selectbox", "toggle") for widget in app.get(kind)}


def test_settings_of_nodes_buckets_and_rounds_are_quiet_until_used(open_page):
    """What does not act is not there: links inside nodes without nodes, a backward pass without buckets."""
    quiet = {"backward_share", "node_latency_ms", "node_bandwidth_gbps", "links_per_node"}
    plain = open_page("timeline", network="ring")
    assert not plain.exception
    assert {"buckets", "workers_per_node", "efficiency", "overlap"} <= shown(plain)
    assert not quiet & shown(plain)
    used = open_page("timeline", network="ring", workers="4", workers_per_node="2", buckets="4", overlap="0.5")
    assert not used.exception
    assert quiet <= shown(used)
    assert "overlap" not in shown(used)


def test_local_sgd_takes_all_its_settings_from_a_link(open_page):
    """Those that contradict others are made to fit, and the page draws."""
    app = open_page("timeline", mode="local", period="6", delay="9", fragments="4", network="ring")
    assert not app.exception
    policy = LocalSGD(period=6, delay=5, fragments=3)
    scenario = Scenario(policy=policy, network=AlphaBeta())
    assert app.text[0].value == text_summary(simulate(scenario))


def test_links_are_fitted_to_timed_collectives(open_page):
    """One size sets the efficiency, two the latency as well; times that no link allows are refused in words."""
    app = open_page("compare", network="ring", workers="4", bandwidth_gbps="10")
    links = AlphaBeta(latency_ms=0.2, bandwidth_gbps=10, efficiency=0.75)
    for number, size in enumerate((25, 400)):
        app.number_input(key=f"timed_mb_{number}").set_value(size)
        time = replace(links, message_mb=size).barrier_ms(4)
        app.number_input(key=f"timed_ms_{number}").set_value(time)
    next(button for button in app.button if button.label == "Fit to these times").click().run()
    assert not complaints(app)
    assert value(app, "efficiency") == 0.75
    assert value(app, "alpha_ms") == pytest.approx(0.2)
    app.number_input(key="timed_ms_0").set_value(0.001)
    app.number_input(key="timed_ms_1").set_value(0.0)
    next(button for button in app.button if button.label == "Fit to these times").click().run()
    (message,) = complaints(app)
    assert message.startswith("times_ms: 0.001 ms are shorter than these links allow")
    assert value(app, "efficiency") == 0.75
    assert not any(button.label == "Fit to my trace" for button in app.button)  # there is none
