"""Captions, texts for people who cannot see a chart, and what is copied: recomputed from raw numbers by other means."""

import json
import re
from dataclasses import replace
from itertools import pairwise
from statistics import median

import numpy as np
import pandas as pd
import pytest

from core import Constant, Stragglers, Synchronous, compare, diagnose, simulate, what_if
from core.cli import main
from core.links import values_of
from core.report import comparison, run, traces
from core.report.timeline_data import pictures
from core.schedule.downsampling import MOST_ROWS, closeup, group_names, groups, overview, slowest
from core.statistics.pairs import Paired, means
from core.traces.fits import Fit, fits
from core.traces.remedies import AS_MEASURED, what_if_table
from tests.core.report.test_sentences import SHARE, any_scenario, any_table, lower, shows, time_ms, value_of, worker_ms
from tests.core.report.test_trace_sentences import Facts, check_headline, check_reasons, made
from tests.examples import examples
from tests.truth import Truth

NUMBER = r"(-?\d[\d,]*(?:\.\d+)?)"
TIME = r"(\S+ m?s)"


def plain(text):
    return text.replace("\N{NO-BREAK SPACE}", " ")


def any_run(rng, workers=None):
    scenario, policies = any_scenario(rng)
    if workers:
        scenario = type(scenario)(**{**vars(scenario), "workers": workers})
    policy = policies[0].fitted(scenario.workers)
    return simulate(type(scenario)(**{**vars(scenario), "policy": policy}))


def close(shown, truth_ms):
    """Whether a time as shown is the truth."""
    value, half_a_digit = time_ms(shown)
    return abs(value - truth_ms) <= half_a_digit + 6e-3 * abs(truth_ms)


# --- one run ---


@pytest.mark.parametrize("seed", examples(24))
def test_the_reference_s_four_lines(seed):
    simulated = any_run(np.random.default_rng(seed))
    spent, epoch = worker_ms(simulated)
    table = simulated.gradients()
    mode, time, idle, rate = run.text_summary(simulated).split("\n")
    assert mode == f"Mode: {simulated.scenario.policy.label.lower()}"
    assert shows(re.fullmatch(rf"Epoch Time: {NUMBER} ms", time)[1], epoch)
    waiting = spent.drop(columns=["compute", "comm", "cancelled", "tail"], errors="ignore").to_numpy().sum()
    computing = spent.get("compute", pd.Series([0.0])).sum()
    assert shows(re.fullmatch(rf"Idle Time: {NUMBER} %", idle)[1], 100 * waiting / (waiting + computing))
    assert shows(re.fullmatch(rf"Throughput: {NUMBER} batches/sec", rate)[1], 1000 * table["used"].sum() / epoch)


@pytest.mark.parametrize("seed", examples(24))
def test_each_worker_s_shares(seed):
    """Every phase of every worker; of many workers the mean and the range."""
    rng = np.random.default_rng(seed)
    simulated = any_run(rng, workers=int(rng.choice([40, 77])) if seed % 2 else None)
    workers = simulated.scenario.workers
    spent, epoch = worker_ms(simulated)
    phases = ["compute", "comm", "cancelled", "tail"]
    shares = pd.DataFrame({phase: spent.get(phase, 0.0) for phase in phases}, index=spent.index)
    shares["wait"] = spent.drop(columns=phases, errors="ignore").sum(axis=1)
    shares = 100 * shares / epoch
    words = plain(run.shares_in_words(simulated))
    if workers <= MOST_ROWS:
        said = dict(re.findall(r"W(\d+): ([^;]*?)(?=;|\.$)", words))
        assert list(map(int, said)) == list(range(workers))
        for worker, of in said.items():
            shown = dict(re.findall(r"([a-z]+) " + SHARE, of))
            for phase in shares:
                assert float(shown.get(phase, 0)) == pytest.approx(shares.loc[int(worker), phase], abs=0.1001)
        return
    assert words.startswith(f"Share of the epoch, of {workers} workers: ")
    said = re.findall(rf"([a-z]+) {SHARE} on average \({SHARE} to {SHARE}\)", words)
    assert {phase for phase, *_ in said} == {phase for phase in shares if shares[phase].max() > 1e-9}
    for phase, mean, low, high in said:
        assert float(mean) == pytest.approx(shares[phase].mean(), abs=0.1001)
        assert shows(low, shares[phase].min())
        assert shows(high, shares[phase].max())


@pytest.mark.parametrize("seed", examples(10))
def test_overview_and_closeup_of_a_large_run(seed):
    """Shares of computing by row and over time, and what the blocks in a window add up to."""
    rng = np.random.default_rng(seed)
    simulated = any_run(rng, workers=int(rng.choice([64, 100, 130])))
    table, epoch, workers = simulated.segments(), simulated.metrics.epoch_ms, simulated.scenario.workers
    rows = groups(np.arange(workers))
    said = plain(run.overview_in_words(overview(simulated.schedule, rows), group_names(rows)))
    count, first, last, mean = re.match(
        rf"Share of the time spent computing, of (\d+) rows of workers from (\S+) to (\S+): {SHARE} on average", said
    ).groups()
    assert int(count) == len(rows)
    assert first.startswith("W0")
    assert last.endswith(str(workers - 1))
    computing = table[table["phase"] == "compute"]
    of_worker = (computing["end_ms"] - computing["start_ms"]).groupby(computing["worker"]).sum()
    of_worker = 100 * of_worker.reindex(range(workers), fill_value=0) / epoch
    assert shows(mean, of_worker.mean())
    by_row = np.array([of_worker[row].mean() for row in rows])
    if found := re.search(rf"from {SHARE} in (\S+) to {SHARE} in (\S+)\. Over", said):
        assert shows(found[1], by_row.min())
        assert shows(found[3], by_row.max())
        names = group_names(rows)
        assert by_row[names.index(found[2])] == pytest.approx(by_row.min())
        assert by_row[names.index(found[4])] == pytest.approx(by_row.max())
    else:
        assert "the same in all" in said
        assert by_row.max() - by_row.min() < 0.1001
    low, high = re.search(rf"Over time it goes from {SHARE} to {SHARE}\.", said).groups()
    table_cells = overview(simulated.schedule, groups(np.arange(workers)))
    ends = np.unique(np.concatenate([table_cells["from_ms"], table_cells["to_ms"]]))
    spent = [
        (computing["end_ms"].clip(upper=after) - computing["start_ms"].clip(lower=before)).clip(lower=0).sum()
        / (after - before)
        for before, after in pairwise(ends)
        if after > before * (1 + 1e-9)
    ]
    assert shows(low, 100 * min(spent) / workers)
    assert shows(high, 100 * max(spent) / workers)

    since, until = sorted(rng.uniform(0, epoch, 2))
    drawn = slowest(simulated.schedule, MOST_ROWS, since, until)
    found, until = closeup(simulated.schedule, drawn, since, until)
    said = plain(run.closeup_in_words(found, drawn, since, until))
    begins, ends = re.match(
        rf"Blocks of {len(drawn)} workers, one row per worker, from {TIME} to {TIME}\.", said
    ).groups()
    assert close(begins, since)
    assert close(ends, until)
    mine = table[table["worker"].isin(drawn)]
    inside = (mine["end_ms"].clip(upper=until) - mine["start_ms"].clip(lower=since)).clip(lower=0)
    spent = 100 * inside.groupby(mine["phase"].astype(str)).sum() / (len(drawn) * (until - since))
    shown = {phase: float(share) for share, phase in re.findall(SHARE + r" ([a-z]+)", said)}
    for phase, share in spent.items():
        assert shown.get(phase, 0) == pytest.approx(share, abs=0.1001)

    caption = plain(run.how_to_read(simulated, since, until, len(drawn)))
    start, end, whole = re.match(rf"Shown: {TIME} to {TIME} of {TIME}\.", caption).groups()
    assert close(start, since)
    assert close(end, until)
    assert close(whole, epoch)
    some = f"Of {workers} workers, the {len(drawn)} that compute slowest there."
    assert (some in caption) == (len(drawn) < workers)
    assert ("ertical lines are barriers" in caption) == (simulated.schedule.barrier_ms is not None)
    assert "Shown" not in run.how_to_read(simulated, 0.0, epoch, workers)


# --- Compare ---


@pytest.mark.parametrize("block", range(4))
def test_captions_and_tiles_of_compare(block):
    rng = np.random.default_rng(500 + block)
    for _ in range(8):
        scenario, policies = any_scenario(rng)
        policies = list(dict.fromkeys(policy.fitted(scenario.workers) for policy in policies))
        table = any_table(rng, scenario, policies)
        truth, paired = Truth(table), Paired.of(table)
        figures = means(paired)[["epoch_ms", "throughput", "utilization_percent", "idle_percent"]]
        for name in truth.policies[1:]:
            outcome = truth.outcome(truth.baseline, name)
            notes = comparison.change_notes(figures.loc[truth.baseline], figures.loc[name], outcome)
            tile(notes["epoch_ms"], 100 / truth.ratio(truth.baseline, name) - 100, "%", outcome)
            idle = truth.mean_of(name, "idle_percent") - truth.mean_of(truth.baseline, "idle_percent")
            tile(notes["idle_percent"], idle, "points", "decided")
        said = plain(comparison.speedups_in_words(table))
        for name in truth.policies[1:]:
            (value,) = re.search(rf"[:;] {re.escape(name)} {NUMBER}", said).groups()
            assert shows(value, truth.ratio(truth.baseline, name))
        parts_of_epochs(plain(comparison.parts_in_words(paired)), table, truth)
        shown = pictures(scenario, policies, 60)
        caption = plain(comparison.what_is_drawn(scenario, shown, paired))
        typical_or_not(caption, scenario, policies, truth)
        of_what = f"means of {truth.runs} paired runs" if truth.runs > 1 else "those of a single run"
        assert caption.startswith(f"Figures are {of_what}; the timelines draw ")
        assert f"(seed {scenario.seed})" in caption
        assert ("Idle is waiting only" in caption) == (len(policies) == 2)  # only these have a tile of it
        longest = max(
            simulate(type(scenario)(**{**vars(scenario), "policy": each})).metrics.epoch_ms for each in policies
        )
        if found := re.search(rf"draw the first {TIME} of the first", caption):
            assert close(found[1], shown[0].domain_ms[1])
            assert shown[0].domain_ms[1] < longest
        else:
            assert shown[0].domain_ms[1] == pytest.approx(longest)


def typical_or_not(caption, scenario, policies, truth):
    """Whether the run that is drawn takes a quarter more or less than the mean, and the policy that is farthest off."""
    first = {
        each.label: simulate(type(scenario)(**{**vars(scenario), "policy": each})).metrics.epoch_ms for each in policies
    }
    off = {label: max(ms / truth.mean[label], truth.mean[label] / ms) for label, ms in first.items()}
    found = re.search(rf"Run 1 is not typical: (.*) takes {TIME} in it, {TIME} on average\.", caption)
    if not found:
        assert max(off.values()) < 1.25 * (1 + 1e-9)
        return
    (label,) = [label for label in off if lower(label) == found[1]]
    assert off[label] == max(off.values()) >= 1.25 * (1 - 1e-9)
    assert close(found[2], first[label])
    assert close(found[3], truth.mean[label])


def parts_of_epochs(text, table, truth):
    """Of what each mean epoch is made: each part as it is, and nothing left out."""
    for name in truth.policies:
        total, said = re.search(rf"[.;] {re.escape(name)} {TIME}: (.*?)(?:; |\.$)", text).groups()
        assert close(total, truth.mean[name])
        rows = table[table["policy"] == name]
        shares = {"compute": ["utilization"], "wait": ["wait"], "comm": ["comm"], "cancelled": ["cancelled"]}
        shares |= {"tail": ["tail"]}
        shown = {phase: time for time, phase in re.findall(r"(\S+ m?s) ([a-z]+)(?:, | and |$)", said)}
        spent = {
            phase: float((rows["epoch_ms"] * sum(rows[f"{one}_percent"] for one in of)).mean() / 100)
            for phase, of in shares.items()
        }
        assert {phase for phase, ms in spent.items() if ms > 0} == set(shown)
        assert all(close(time, spent[phase]) for phase, time in shown.items())
        assert sum(spent.values()) == pytest.approx(truth.mean[name])


def tile(note, change, unit, outcome):
    """What stands under a figure: its change, coloured only where that is decided."""
    if note["delta"] == 0:
        assert abs(change) < 0.0501
        return
    value, of = re.fullmatch(r"([+-][\d.]+) (%|points)", note["delta"]).groups()
    assert of == unit
    assert shows(value, change)
    if outcome != "decided":
        assert note["delta_color"] == "off"


# --- a measured run ---


@pytest.fixture
def any_law(monkeypatch):
    """One law for every table: finding the best takes longer than all the rest."""
    law = Fit(
        compute=Constant(mean_ms=1),
        stragglers=Stragglers(),
        workers=1,
        misfit=0.0,
        slowest_ratio=1.0,
        measured_ratio=1.0,
    )
    monkeypatch.setattr("core.traces.diagnosis.fits", lambda compute_ms, *known: [law])


@pytest.mark.parametrize("block", range(2))
def test_texts_of_a_measured_run(block, any_law):
    for seed in range(24 * block, 24 * block + 24):
        trace = made(1_000 + seed)
        diagnosis = diagnose(trace)
        what_was_read(plain(traces.what_was_read(trace, 3)), trace)
        who_is_slow(plain(traces.workers_in_words(diagnosis)), trace)
        for sentence in traces.reasons(diagnosis, trace):
            if "took more than twice as long as usual" in sentence:
                hiccups(plain(sentence), diagnosis)
        table = traces.episodes_table(diagnosis)
        assert len(table) == len(diagnosis.episodes)
        assert (table["To step"] >= table["From step"]).all()
        if seed % 6 == 0 and trace.workers > 1:
            pasted(trace, diagnosis)


def what_was_read(text, trace):
    """Who, which steps, which times, and the middle one."""
    workers, steps, first, last, kinds, usual = re.fullmatch(
        rf"3 files · (\d+) workers? \(.*\) · (\d+) steps? \((\d+) to (\d+)\) · (.*) times · "
        rf"typical mini-batch {TIME} · nothing left out",
        text,
    ).groups()
    assert int(workers) == len(trace.worker_names)
    assert int(steps) == len(trace.step_numbers)
    assert (int(first), int(last)) == (min(trace.step_numbers), max(trace.step_numbers))
    assert ("network" in kinds) == (trace.comm_ms is not None)
    assert ("wait" in kinds) == (trace.wait_ms is not None)
    assert close(usual, median(trace.compute_ms.ravel().tolist()))
    assert (f"and {trace.workers - 4} more" in text) == (trace.workers > 4)


def who_is_slow(text, trace):
    """The first sixteen workers' means, and the number of the others."""
    said = re.findall(rf"worker (node\d+): {NUMBER} ms on average", text)
    assert len(said) == min(16, trace.workers)
    for name, mean in said:
        column = trace.worker_names.index(name)
        assert float(mean.replace(",", "")) == pytest.approx(trace.compute_ms[:, column].mean(), rel=1e-4, abs=0.06)
    assert (f"and {trace.workers - 16:,} more" in text) == (trace.workers > 16)


def hiccups(text, diagnosis):
    """Named are those with most of them, and the rest is counted."""
    counts = diagnosis.workers.set_index("worker")["hiccups"]
    named = {name: int(number) for number, name in re.findall(r"(\d+) on worker (node\d+)", text)}
    assert all(counts[name] == number for name, number in named.items())
    rest = counts.drop(list(named))
    assert rest.max() <= min(named.values()) if len(rest) else True
    assert int(found[1] if (found := re.search(r"(\d+) on others", text)) else 0) == rest.sum()


def pasted(trace, diagnosis):
    """Every remedy's line: what it saves of the measured epoch, as a share and as a time."""
    remedies = what_if(trace)
    text = plain(traces.summary_text(trace, diagnosis, remedies))
    measured = next(each.epoch_ms for each in remedies if each.name == AS_MEASURED)
    by_name = {each.name: each for each in remedies}
    workers, steps = re.match(r"Stragglers in a measured run \((\d+) workers?, (\d+) steps?\)", text).groups()
    assert (int(workers), int(steps)) == trace.compute_ms.shape[::-1]
    lines = re.findall(rf"^- (.*?): {NUMBER} %(?: \({NUMBER} to {NUMBER} %\))?, {TIME}\. ", text, re.MULTILINE)
    assert ("do not show who is slow" in text) or [name for name, *_ in lines] == [
        each.name for each in remedies if each.saved_low_percent >= 0.05
    ]
    for name, saved, *_, time in lines:
        assert float(saved) == pytest.approx(100 * (1 - by_name[name].epoch_ms / measured), abs=0.051)
        assert close(time, measured - by_name[name].epoch_ms)
    said = plain(traces.remedies_in_words(what_if_table(remedies)))
    for each in remedies:
        assert f"{each.name} {float(f'{each.saved_percent:.1f}') + 0.0:.1f} %" in said


def test_a_law_is_said_as_it_is():
    """Its name, mean and stragglers, and the ratios of the law and of the table."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        compute = 100 * rng.gamma(50, 1 / 50, (40, 4))
        compute[:, : seed % 3] *= 1.4
        compute = np.where(rng.random(compute.shape) < 0.02 * (seed % 2), 4 * compute, compute)
        best = fits(compute)[0]
        said = plain(traces.fit_in_words(best))
        law, rest = said.split(", mean ", 1)
        assert law == type(best.compute).__name__
        assert close(re.match(TIME.replace(r"\S+", r"[\d,.]+"), rest)[0], best.compute.mean_ms)
        stragglers = best.stragglers
        assert ("slow worker" in said) == bool(stragglers.slow_workers)
        assert ("hiccups" in said) == bool(stragglers.hiccup_probability)
        assert ("episodes" in said) == bool(stragglers.episode_share)
        fitted, measured = re.search(rf"takes {NUMBER}× the mean .*; {NUMBER}× was measured", said).groups()
        assert shows(fitted, best.slowest_ratio)
        assert shows(measured, sum(map(max, compute.tolist())) / (compute.sum() / 4))


def test_fewer_runs_than_were_asked_for():
    scenario, _ = any_scenario(np.random.default_rng(1))
    said = plain(comparison.fewer_runs_in_words(scenario, 1_000, 7))
    batches, most = re.search(rf"Epochs of \d+ × {NUMBER} .* leave room for {NUMBER} paired runs", said).groups()
    assert (value_of(batches), value_of(most)) == (scenario.batches, 7)
    assert "not 1,000" in said
    assert len(compare(scenario, [scenario.policy], 2)) == 2


# --- the command line ---


def link_of(scenario):
    return "&".join(f"{key}={value}" for key, value in values_of(scenario).items())


@pytest.mark.parametrize("seed", range(8))
def test_what_run_prints(seed, capsys):
    """Each figure in a line of its own, as the phases and the gradients have it."""
    simulated = any_run(np.random.default_rng(seed))
    assert main(["run", link_of(simulated.scenario)]) == 0
    shown = {line.split()[0]: line.split()[1] for line in capsys.readouterr().out.splitlines()[1:]}
    spent, epoch = worker_ms(simulated)
    used = simulated.gradients().query("used")
    whole = simulated.scenario.workers * epoch
    facts = {
        "epoch_ms": epoch,
        "throughput": 1000 * len(used) / epoch,
        "utilization_percent": 100 * spent.get("compute", pd.Series([0.0])).sum() / whole,
        "tail_percent": 100 * spent["tail"].sum() / whole,
        "mean_staleness": used["staleness"].mean(),
        "max_staleness": used["staleness"].max(),
    }
    for name, value in facts.items():
        assert float(shown[name]) == pytest.approx(value, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_what_sweep_prints(seed, capsys):
    """Every cell: means and the ratio of means of its own paired runs."""
    rng = np.random.default_rng(seed)
    scenario, policies = any_scenario(rng)
    policies = [policy for policy in policies if policy.text.split()[0] in ("sync", "async", "local", "ssp")][:3]
    policies = list(dict.fromkeys([Synchronous(), *policies]))
    texts = ",".join(policy.text for policy in policies)
    asked = ["sweep", link_of(scenario), "--over", "batches=2,5", "--policies", texts, "--replicates", "3"]
    assert main(asked) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 2 * len(policies)
    assert main([*asked, "--json"]) == 0
    cells = json.loads(capsys.readouterr().out)["cells"]
    for batches in (2, 5):
        truth = Truth(compare(type(scenario)(**{**vars(scenario), "batches": batches}), policies, 3))
        for cell in (each for each in cells if each["batches"] == batches):
            assert cell["epoch_ms"] == pytest.approx(truth.mean[cell["policy"]])
            assert cell["speedup"] == pytest.approx(truth.ratio(truth.baseline, cell["policy"]))
            if cell["policy"] != truth.baseline:
                assert cell["speedup_outcome"] == truth.outcome(truth.baseline, cell["policy"])


@pytest.mark.parametrize("seed", range(6))
def test_what_trace_prints(seed, any_law, capsys, tmp_path):
    """The headline and the reasons, of a table that went through a file."""
    tables = map(made, range(100 * seed, 100 * seed + 100))
    trace = next(found for found in tables if found.workers > 1 and found.steps > 3)
    file = tmp_path / "measured.csv"
    trace.table().to_csv(file, index=False)
    assert main(["trace", str(file)]) == 0
    title, headline, *rest = capsys.readouterr().out.strip().split("\n")
    headline, *rest = (named_as_written(line) for line in [headline, *rest])
    assert f"{trace.workers} worker" in title
    assert f"{trace.steps} step" in title
    ordered = sorted(range(trace.workers), key=lambda column: trace.worker_names[column])
    read = replace(
        trace,
        compute_ms=trace.compute_ms[:, ordered],
        worker_names=tuple(trace.worker_names[column] for column in ordered),
        comm_ms=None if trace.comm_ms is None else trace.comm_ms[:, ordered],
    )
    facts = Facts(read)
    check_reasons(rest, facts, check_headline(headline, facts))


def named_as_written(text):
    """node6, which is read as worker 6, as it was."""
    several = re.compile(r"(?<=workers )\d+(?:, \d+)* and \d+(?= account)")
    text = several.sub(lambda found: re.sub(r"(\d+)", r"node\1", found[0]), text)
    return re.sub(r"(?<=[Ww]orker )(\d+)", r"node\1", text)
