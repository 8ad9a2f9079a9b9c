"""Arguments of any kind to every public function: a result or ScenarioError that names the field, and no memory."""

import itertools
import math
import random
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import fields
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import core
from core import (
    AlphaBeta,
    Asynchronous,
    Failures,
    FlatLatency,
    Measured,
    Prices,
    Run,
    Scenario,
    ScenarioError,
    Stragglers,
    Synchronous,
    Trace,
    Uniform,
    Workload,
    best_period,
    compare,
    cost,
    costs,
    diagnose,
    learn,
    read_trace,
    replicate,
    required_bandwidth,
    simulate,
    sweep,
    verdict,
    what_if,
)
from core.cli import main
from core.common.parameters import keys
from core.learning.periods import INNER_CHOICES, OUTER_CHOICES
from core.learning.quadratic import NoisyQuadratic
from core.learning.training import replay
from core.links import DEFAULTS, link_values, prices_of, scenario_of
from core.policies import BackupWorkers, ElasticSynchronous, KAsync, LocalSGD, Rebalanced, StaleSynchronous
from core.policies.registry import CODES, POLICIES, policy_from_text
from core.report import comparison
from core.report import run as run_report
from core.theory import closed_forms
from core.workload.compute_laws import LAWS, Constant, Gumbel, LogNormal, Pareto, ShiftedExponential
from core.workload.networks import COLLECTIVES, NETWORKS
from tests.examples import drawn

SMALL = Scenario(workers=2, batches=3)
RUN, PROBLEM = simulate(SMALL), NoisyQuadratic()
PAID, BOTH = Prices(worker_per_hour=2), [Synchronous(), Asynchronous()]
PAIRED = compare(SMALL, BOTH, 2)
BOWL = {"run": RUN, "problem": PROBLEM, "learning_rate": 0.1}
QUICK = {"scenario": SMALL, "policies": [Synchronous()], "problem": PROBLEM, "seeds": 1, "gradients": 12}
SHORT = {"scenario": SMALL, "problem": PROBLEM, "periods": 1, "seeds": 1, "gradients": 12}
REFUSED_BYTES = 2**20


@pytest.fixture(autouse=True, scope="module")
def few_settings():
    """Trainings of one optimizer for each way to average: how many are tried is nothing that arguments could change."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.learning.periods.INNER_CHOICES", INNER_CHOICES[:1])
        patch.setattr("core.learning.periods.OUTER_CHOICES", OUTER_CHOICES[:1])
        patch.setattr("core.learning.experiment.MOST_BEYOND", 1)
        yield


class Broken:
    """Fails whatever one does with it."""

    def __repr__(self):
        raise RuntimeError("no text")

    def __eq__(self, other):
        raise RuntimeError("no comparison")

    __hash__ = None


def nested(depth: int) -> list:
    inner: list = []
    for _ in range(depth):
        inner = [inner]
    return inner


ODD = [
    *(None, True, False, 0, 1, -1, 3, 2**63, 2**64, 10**400, 10**5_000, -(10**5_000)),
    *(0.0, -0.0, 0.5, 1 + 2**-52, 1e-320, 1e308, math.nan, math.inf, -math.inf, 1j, Fraction(1, 3), Decimal(1)),
    *("", "x", "ring", "sync", "nan", "\x00", "\ud800", "9" * 10_000, b"x", bytes(2**24), bytearray(2**24)),
    *(
        (),
        [],
        [[]],
        [[1]],
        [[1, 2]] * 3,
        [1, [2]],
        [[10**400, 1.0]],
        [[math.nan, 1]] * 3,
        [["x"]],
        nested(40),
        nested(2_000),
    ),
    *({}, {"kind": None}, {"kind": []}, {"kind": "Measured"}, {"kind": "Uniform", 1: 2}, {1: 2}, set(), frozenset([1])),
    *(
        range(5),
        range(10**12),
        range(10**19),
        iter([1]),
        object(),
        Broken(),
        [Broken()],
        len,
        int,
        Scenario,
        SMALL,
        RUN,
    ),
    *(np.int8(3), np.int64(4), np.uint64(2**64 - 1), np.float16(2), np.float32(0.3), np.longdouble(3), np.bool_(True)),
    *(np.array(3), np.array("ring"), np.array(["ring", "tree"]), np.array([]), np.zeros((0, 2)), np.ones((3, 2, 1))),
    *(np.ones((3, 2), kind) for kind in (float, np.float16, np.int8, bool, complex, object, "M8[s]", "U1")),
    *(np.full((3, 2), value) for value in (math.nan, math.inf, -1, 0, 1e13, np.longdouble("1e4000"))),
    *(
        np.broadcast_to(1.0, (10**9, 3)),
        np.broadcast_to(1.0, (10**9, 1)),
        np.broadcast_to(1.0, (10**9,)),
        np.datetime64("2020-01-01"),
    ),
    *(pd.NA, pd.NaT, pd.Series([1, 2]), pd.DataFrame({"a": [1, 2]}), pd.DataFrame(np.ones((3, 2)))),
    *([Synchronous()], [Synchronous()] * 2, [None], Synchronous(), Uniform(), FlatLatency(), Stragglers(), LocalSGD),
    *({"workers": [2]}, {"workers": range(10**12), "batches": range(10**12)}, {"workers": range(10**19)}),
    *({"workers": np.array(3)}, {"workers": [10**5_000, None, "x", math.nan, [1], {}]}, {"workers": np.ones((2, 2))}),
    *({"policy.bound": [1]}, {None: [1]}, {"workers": 5}, {"workers": "45"}, {"compute": [Uniform()]}),
]
ATOMS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.binary(max_size=9)
ANYTHING = st.sampled_from(ODD) | st.recursive(
    ATOMS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9) | st.integers(), inner, max_size=4),
    max_leaves=8,
)
LINKED = Scenario(workers=2, batches=3, network=AlphaBeta())
PARTS = {
    **LAWS,
    **NETWORKS,
    **POLICIES,
    "Stragglers": Stragglers,
    "Prices": Prices,
    "Failures": Failures,
    "Scenario": Scenario,
    "Workload": Workload,
}


def refused_cheaply(call, named: str = "") -> None:
    """Call it: it gives a result, or a ScenarioError that names the field, for which hardly any memory was taken.

    What is refused is asked again under a trace of memory, which makes everything several times as slow.
    """
    try:
        call()
    except ScenarioError as refused:
        said = str(refused)
    else:
        return
    assert named in said
    assert len(said) < 5_000
    tracemalloc.start()
    with suppress(ScenarioError):
        call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < REFUSED_BYTES


FIELDS = [(kind, field.name) for kind in PARTS.values() for field in fields(kind) if field.init]


@pytest.mark.parametrize(("kind", "name"), FIELDS, ids=lambda each: getattr(each, "__name__", each))
def test_a_field_of_any_kind(kind, name):
    for value in ODD:
        refused_cheaply(lambda value=value: kind(**{name: value}), name)


@drawn(120)
@given(st.data())
def test_fields_of_any_kind_together(data):
    kind = data.draw(st.sampled_from(list(PARTS.values())))
    some = {field.name: ANYTHING for field in fields(kind) if field.init}
    values = data.draw(st.fixed_dictionaries(some) if kind is Measured else st.fixed_dictionaries({}, optional=some))
    refused_cheaply(lambda: kind(**values))
    plain = data.draw(st.dictionaries(st.sampled_from([*SMALL.to_dict(), "x"]), ANYTHING))
    refused_cheaply(lambda: Scenario.from_dict(plain))


ARGUMENTS = {
    "simulate scenario": lambda value: simulate(value),
    "simulate compute_ms": lambda value: simulate(SMALL, compute_ms=value),
    "simulate network_ms": lambda value: simulate(
        Scenario(workers=2, batches=3, policy=Asynchronous()), network_ms=value
    ),
    "simulate failures_ms": lambda value: simulate(SMALL, failures_ms=value),
    "replicate scenario": lambda value: replicate(value, 2),
    "replicate replicates": lambda value: replicate(SMALL, value),
    "replicate threads": lambda value: replicate(SMALL, 2, threads=value),
    "compare scenario": lambda value: compare(value, [Synchronous()], 2),
    "compare policies": lambda value: compare(SMALL, value, 2),
    "compare policy": lambda value: compare(SMALL, [value], 2),
    "compare replicates": lambda value: compare(SMALL, [Synchronous()], value),
    "compare threads": lambda value: compare(SMALL, [Synchronous()], 2, threads=value),
    "sweep scenario": lambda value: sweep(value, {"workers": [2]}, replicates=2),
    "sweep grid": lambda value: sweep(SMALL, value, replicates=2),
    "sweep policies": lambda value: sweep(SMALL, {"workers": [2]}, value, replicates=2),
    "sweep replicates": lambda value: sweep(SMALL, {"workers": [2]}, replicates=value),
    "sweep executor": lambda value: sweep(SMALL, {"workers": [2]}, replicates=2, executor=value),
    "sweep values": lambda value: sweep(SMALL, {"workers": [value, 2]}, replicates=2),
    "verdict table": lambda value: verdict(value),
    "learn scenario": lambda value: learn(**QUICK | {"scenario": value}),
    "learn policies": lambda value: learn(**QUICK | {"policies": value}),
    "learn problem": lambda value: learn(**QUICK | {"problem": value}),
    "learn learning_rates": lambda value: learn(**QUICK | {"learning_rates": value}),
    "learn seeds": lambda value: learn(**QUICK | {"seeds": value}),
    "learn gradients": lambda value: learn(**QUICK | {"gradients": value}),
    "learn points": lambda value: learn(**QUICK | {"points": value}),
    "learn target": lambda value: learn(**QUICK | {"target": value}),
    "best_period scenario": lambda value: best_period(**SHORT | {"scenario": value}),
    "best_period problem": lambda value: best_period(**SHORT | {"problem": value}),
    "best_period periods": lambda value: best_period(**SHORT | {"periods": value}),
    "best_period seeds": lambda value: best_period(**SHORT | {"seeds": value}),
    "best_period target": lambda value: best_period(**SHORT | {"target": value}),
    "cost run": lambda value: cost(value, PAID),
    "cost prices": lambda value: cost(RUN, value),
    "costs table": lambda value: costs(value, SMALL, BOTH, PAID),
    "costs scenario": lambda value: costs(PAIRED, value, BOTH, PAID),
    "costs policies": lambda value: costs(PAIRED, SMALL, value, PAID),
    "costs prices": lambda value: costs(PAIRED, SMALL, BOTH, value),
    "sweep prices": lambda value: sweep(SMALL, {"workers": [2]}, replicates=2, prices=value),
    "prices_of values": lambda value: prices_of(value),
    **{f"prices_of {key}": lambda value, key=key: prices_of({key: value}) for key in keys(Prices).values()},
    **{
        f"learn {name}": lambda value, name=name: learn(**QUICK | {name: value})
        for name in ("momentum", "outer_rate", "outer_momentum", "staleness_aware")
    },
    **{
        f"replay {name}": lambda value, name=name: replay(**BOWL | {name: value})
        for name in ("momentum", "outer_rate", "outer_momentum", "staleness_aware")
    },
    "required_bandwidth scenario": lambda value: required_bandwidth(value),
    "required_bandwidth policies": lambda value: required_bandwidth(LINKED, value, 50, 2),
    "required_bandwidth utilization_percent": lambda value: required_bandwidth(LINKED, [Synchronous()], value, 2),
    "required_bandwidth replicates": lambda value: required_bandwidth(LINKED, [Synchronous()], 50, value),
    "diagnose trace": lambda value: diagnose(value),
    "what_if trace": lambda value: what_if(value),
    "read_trace files": lambda value: read_trace(value),
    "read_trace file": lambda value: read_trace([value]),
    "Run scenario": lambda value: Run(value, RUN.schedule),
    "Run schedule": lambda value: Run(SMALL, value),
    "Trace compute_ms": lambda value: Trace(compute_ms=value, worker_names=("a", "b"), step_numbers=(1, 2, 3)),
    "Trace wait_ms": lambda value: Trace(
        compute_ms=np.ones((3, 2)), worker_names=("a", "b"), step_numbers=(1, 2, 3), wait_ms=value
    ),
    "Trace worker_names": lambda value: Trace(compute_ms=np.ones((3, 2)), worker_names=value, step_numbers=(1, 2, 3)),
    "Trace step_numbers": lambda value: Trace(compute_ms=np.ones((3, 2)), worker_names=(1, 2), step_numbers=value),
    "from_dict scenario": lambda value: Scenario.from_dict(value),
    "link_values link": lambda value: link_values(value),
    "scenario_of values": lambda value: scenario_of(value),
    "policy_from_text policies": lambda value: policy_from_text(value),
    "replay run": lambda value: replay(**BOWL | {"run": value}),
    "replay problem": lambda value: replay(**BOWL | {"problem": value}),
    "replay learning_rate": lambda value: replay(**BOWL | {"learning_rate": value}),
    "replay points": lambda value: replay(**BOWL, points=value),
    **{f"from_dict {name}": lambda value, name=name: Scenario.from_dict({name: value}) for name in SMALL.to_dict()},
    **{f"scenario_of {key}": lambda value, key=key: scenario_of({key: value}) for key in DEFAULTS},
}
"""Every public function with one argument of any kind."""
OWN_NAMES = {
    "compare policy": "polic",
    "learn learning_rates": "learning_rate",
    "sweep values": "",
    "read_trace file": "",
    "read_trace files": "",
    "Trace compute_ms": "",
    "scenario_of values": "",
    "prices_of values": "",
    "from_dict scenario": "",
    "scenario_of mode": "",
}


def test_every_public_name_is_here():
    called = {key.split()[0] for key in ARGUMENTS} | PARTS.keys()
    assert set(core.__all__) <= called | {"Cost", "Costs", "ScenarioError", "Verdict", "__version__"}


def field_of(argument: str) -> str:
    """What a refusal of this argument must name: of a link's key, the last word of the field that it becomes."""
    return OWN_NAMES.get(argument, "" if argument.startswith("scenario_of") else argument.split()[1])


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_an_argument_of_any_kind(argument):
    call, named = ARGUMENTS[argument], field_of(argument)
    for value in ODD:
        refused_cheaply(lambda value=value: call(value), named)


@drawn(160)
@given(st.sampled_from(list(ARGUMENTS)), ANYTHING)
def test_an_argument_of_any_other_kind(argument, value):
    refused_cheaply(lambda: ARGUMENTS[argument](value), field_of(argument))


def test_more_measured_times_than_a_table_may_have_are_refused_not_cut_off():
    for rows, columns in ((10**6 + 1, 1), (10**5, 11)):
        with pytest.raises(ScenarioError, match=r"^compute.compute_ms: .* more than 1,000,000 numbers"):
            Measured(compute_ms=np.broadcast_to(1.0, (rows, columns)))


def test_of_a_long_array_of_given_times_only_what_a_run_may_need_is_taken():
    few = simulate(SMALL, compute_ms=np.ones((7, 2))).metrics
    assert simulate(SMALL, compute_ms=np.broadcast_to(1.0, (10**9, 2))).metrics == few


def test_endless_arguments_are_not_waited_for():
    for call in (ARGUMENTS["replay learning_rate"], ARGUMENTS["compare policies"], ARGUMENTS["simulate compute_ms"]):
        with pytest.raises(ScenarioError):
            call(itertools.count(1))


def test_a_sweep_is_told_in_words_what_cannot_be_called():
    with pytest.raises(ScenarioError, match=r"^progress: 5 cannot be called"):
        sweep(SMALL, {"workers": [2]}, replicates=2, progress=5)
    with ThreadPoolExecutor(1) as pool:
        assert len(sweep(SMALL, {"workers": [2]}, replicates=2, executor=pool)) == 1


@pytest.mark.parametrize("small", [np.int8, np.uint8, np.int16])
def test_small_whole_numbers_do_not_overflow(small):
    pd.testing.assert_frame_equal(replicate(SMALL, small(100)), replicate(SMALL, 100))
    assert len(sweep(SMALL, {"workers": np.array([2, 3], dtype=small)}, replicates=small(3))) == 2
    assert Scenario(workers=small(2), batches=small(3)) == SMALL


def test_numbers_of_half_precision_are_numbers():
    assert Uniform(mean_ms=np.float16(2), jitter=np.float16(0.5)) == Uniform(mean_ms=2.0, jitter=0.5)
    assert Measured(compute_ms=np.ones((3, 2), np.float16)) == Measured(compute_ms=np.ones((3, 2)))


@pytest.mark.parametrize("text", ["workers=1.5", "workers=4.9", "batches=0.5", "seed=1e-3"])
def test_a_part_of_a_whole_number_is_refused_not_cut_off(text):
    with pytest.raises(ScenarioError, match=r"is not a whole number from [\d,]+ to [\d,]+\.$"):
        link_values(text)
    assert link_values("workers=5.0&seed=1e2") == {"workers": 5, "seed": 100}


WORDS = st.sampled_from(
    [
        *(
            "run",
            "compare",
            "sweep",
            "trace",
            "--json",
            "--over",
            "--policies",
            "--replicates",
            "workers=2,4",
            "workers=2,nan",
        ),
        *(
            "batches=" + "9" * 5_000,
            "workers=4&mode=ssp",
            "mode=async&batches=2",
            "sync,ssp 1",
            "2",
            "-1",
            "1e400",
            "",
            "=",
            "\ud800",
        ),
    ]
)


@drawn(30)
@given(st.lists(WORDS | st.text(max_size=9), max_size=6))
@example(["sweep", "--over", "workers=2,1e400,x", "--replicates", "2", "--json"])
def test_any_command_line(words):
    """An answer, or 2 and a line of what is wrong."""
    words = [word for word in words if word not in ("compare", "sweep")] if "--replicates" not in words else words
    with suppress(SystemExit):
        assert main(words) in (0, 2)


# --- scenarios at the ends of what is allowed ---

TIMES = st.sampled_from([1e-9, 1e-3, 1.0, 500.0, 1e12])
ALMOST_1, HARDLY_ANY = 1 - 2**-53, 1e-300


def one(*values):
    return st.sampled_from(values)


EXTREME_LAWS = st.one_of(
    st.builds(Constant, mean_ms=TIMES),
    st.builds(Uniform, mean_ms=TIMES, jitter=one(0, HARDLY_ANY, 0.2, ALMOST_1)),
    st.builds(LogNormal, mean_ms=TIMES, cv=one(0, HARDLY_ANY, 1e-9, 0.2, 5)),
    st.builds(Gumbel, mean_ms=TIMES, cv=one(0, HARDLY_ANY, 1e-9, 0.14, 0.35)),
    st.builds(ShiftedExponential, mean_ms=TIMES, shift=one(0, HARDLY_ANY, 0.5, ALMOST_1, 1)),
    st.builds(Pareto, mean_ms=TIMES, alpha=one(1 + 2**-52, 1.0000001, 1.1, 2, 2.0000001, 100)),
)
EXTREME_NETWORKS = st.one_of(
    st.builds(FlatLatency, latency_ms=one(0, HARDLY_ANY, 1e-9, 200, 1e12), async_fraction=one(0, HARDLY_ANY, 0.3, 1)),
    st.builds(
        AlphaBeta,
        latency_ms=one(0, HARDLY_ANY, 0.05, 1e12),
        bandwidth_gbps=one(1e-6, 10, 1e6),
        message_mb=one(1e-6, 100, 1e6),
        collective=one(*COLLECTIVES),
        servers=one(1, 2, 4096),
        own_link=one(False, True),
        overlap=one(0, 0.5, 0.999, ALMOST_1),
    ),
)
EXTREME_STRAGGLERS = st.builds(
    Stragglers,
    slow_workers=one(0, 1),
    slowdown=one(1, 2, 1000),
    spread=one(0, HARDLY_ANY, 0.05, 2),
    hiccup_probability=one(0, HARDLY_ANY, 0.01, 0.5, 1),
    hiccup_factor=one(1, 5, 1000),
    episode_share=one(0, HARDLY_ANY, 0.01, 0.5, 0.99),
    episode_batches=one(100, 1000.5, 100_000),
    episode_factor=one(1, 3, 1000),
)


def extreme_policies(workers: int, batches: int) -> list:
    """Every policy at both ends of its parameters."""
    least_most = {
        "wait_for": (1, workers),
        "bound": (0, 100_000),
        "period": (1, 100_000),
        "accumulate": (1, 20_000_000),
    }
    found = [
        Rebalanced(),
        Synchronous(),
        ElasticSynchronous(),
        Asynchronous(assignment="shared"),
        LocalSGD(period=batches),
    ]
    for kind, name in (
        (BackupWorkers, "wait_for"),
        (KAsync, "wait_for"),
        (StaleSynchronous, "bound"),
        (LocalSGD, "period"),
        (Asynchronous, "accumulate"),
    ):
        found += [kind(**{name: value}) for value in least_most[name]]
    return list(dict.fromkeys(found))


def test_every_policy_is_at_its_ends():
    assert {type(policy) for policy in extreme_policies(3, 2)} == set(CODES.values())


SHARES = [f"{name}_percent" for name in ("utilization", "wait", "comm", "cancelled", "down", "tail")]


@st.composite
def extreme_scenarios(draw):
    return Scenario(
        workers=draw(one(1, 2, 3, 8)),
        batches=draw(one(1, 2, 5, 30)),
        compute=draw(EXTREME_LAWS),
        network=draw(EXTREME_NETWORKS),
        stragglers=draw(EXTREME_STRAGGLERS),
        seed=draw(one(0, 42, 2**53 - 1)),
    )


@drawn(30)
@given(extreme_scenarios(), st.randoms(use_true_random=False))
@example(  # a law with next to no spread: its powers have no place in a float
    Scenario(compute=Gumbel(mean_ms=1.0, cv=1e-300), network=FlatLatency(latency_ms=1e-9), batches=30), random.Random(1)
)
def test_extreme_scenarios_give_finite_figures(scenario, dice):
    """Under every policy; shares add up to 100 %, theory is finite, and no text says nan or inf."""
    policies = extreme_policies(scenario.workers, scenario.batches)
    table, pair = compare(scenario, policies, 2), dice.sample(policies, 2)
    figures = table.drop(columns="policy").to_numpy(dtype=float)
    assert np.isfinite(figures).all()
    assert (figures >= 0).all()
    np.testing.assert_allclose(table[SHARES].sum(axis=1), 100, rtol=1e-9)
    for policy in policies:
        expected = closed_forms.expected(scenario, policy)
        assert all(math.isfinite(figure.value) for figure in expected.values())
    run = simulate(scenario)
    said = [
        *run_report.run_answer(run),
        run_report.text_summary(run),
        run_report.timeline_in_words(run),
        run_report.shares_in_words(run),
        run_report.staleness_in_words(run),
        run_report.contributions_in_words(run),
        comparison.headline(table),
        comparison.reasons(table, policies, scenario),
        comparison.caveats(scenario, table),
        comparison.distribution_in_words(table),
        comparison.summary_text(table, policies, scenario),
        comparison.ranking(table).to_string(),
    ]
    two = table[table["policy"].isin([policy.label for policy in pair])]
    said += [comparison.headline(two), comparison.reasons(two, pair, scenario)]
    assert not [text for text in said if NO_NUMBER & set(text.lower().replace("\xa0", " ").split())]


NO_NUMBER = {"nan", "inf", "-inf", "infx", "nan×", "inf×", "nan%", "nan,", "inf,", "nan.", "inf."}


def test_time_that_is_saved_in_many_small_parts_is_put_into_words():
    """Of 0.8 ms saved, each of four parts is 0.2 ms, of which none alone would be worth a word."""
    shares = dict(zip(SHARES, (40.0, 30.0, 20.0, 10.0, 0.0, 0.0), strict=True))
    table = pd.DataFrame([{"policy": "A", "epoch_ms": 1000.0, **shares}, {"policy": "B", "epoch_ms": 1000.0, **shares}])
    table.loc[1, SHARES[:4]] -= 0.02
    assert comparison.savings(table, "A", "B").startswith(" Of the 0.800\N{NO-BREAK SPACE}ms saved")
