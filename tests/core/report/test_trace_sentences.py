"""What is said of a measured run is recomputed from its times, by other means than the sentences were made by."""

import re

import numpy as np
import pytest

from core import Constant, Stragglers, Trace, diagnose
from core.report.traces import episodes_in_words, headline, reasons, workers_in_words, workers_table
from core.traces.fits import Fit
from tests.examples import examples

SPACE = "\N{NO-BREAK SPACE}"
NUMBER = r"(\d[\d,]*(?:\.\d+)?)"


def made(seed):
    """A table of compute times with all that can go wrong in one: slow workers, episodes, hiccups, ties, slow steps."""
    rng = np.random.default_rng(seed)
    workers, steps = int(rng.choice([1, 2, 3, 4, 8, 20])), int(rng.choice([2, 3, 12, 40, 150]))
    compute = 100 * np.exp(rng.normal(0, rng.choice([0, 0.001, 0.02, 0.1, 0.5]), (steps, workers)))
    if rng.random() < 0.4:
        compute[:, : rng.integers(1, workers + 1)] *= rng.choice([1.1, 2, 8])
    if rng.random() < 0.5:
        begin, end = sorted(rng.integers(0, steps + 1, 2))
        compute[begin:end, rng.integers(workers)] *= rng.choice([1.3, 3])
    if rng.random() < 0.3:
        compute *= np.where(rng.random(compute.shape) < 0.03, 5, 1)
    if rng.random() < 0.3:
        compute *= np.exp(rng.normal(0, 0.3, (steps, 1)))
    if rng.random() < 0.3:
        compute = np.maximum(np.round(compute / 10), 1) * 10
    network = rng.uniform(1, 9, compute.shape) if rng.random() < 0.3 else None
    numbers = tuple(int(step) for step in np.cumsum(rng.integers(1, 4, steps)))
    names = tuple(f"node{worker}" for worker in rng.permutation(workers))
    return Trace(compute_ms=compute, worker_names=names, step_numbers=numbers, comm_ms=network)


class Facts:
    """The figures behind the sentences, worker by worker and step by step."""

    def __init__(self, trace):
        self.trace, table = trace, trace.compute_ms.tolist()
        names = trace.worker_names
        self.waiting = dict.fromkeys(names, 0.0)  # what each accounts for, ms of a worker's mean wait
        self.last = dict.fromkeys(names, 0.0)
        self.cured = dict.fromkeys(names, 0.0)
        self.always = set(names)
        self.by_step = []
        for row in table:
            slowest = max(row)
            late = [name for name, ms in zip(names, row, strict=True) if ms > slowest * (1 - 1e-9)]
            cost = slowest - sum(row) / len(row)
            for name in late:
                self.last[name] += 1 / len(late)
                self.waiting[name] += cost / len(late)
            self.by_step.append((late, cost))
            if len(late) > 1:
                self.always = set()
            elif len(row) > 1:
                self.always &= set(late)
                self.cured[late[0]] += slowest - sorted(row)[-2]
        self.total = sum(self.waiting.values())
        whole = table if trace.comm_ms is None else (trace.compute_ms + trace.comm_ms).tolist()
        self.epoch = sum(max(row) for row in whole)
        self.slowdown = sum(max(row) for row in table) / (sum(map(sum, table)) / len(names))

    def share(self, *workers):
        return 100 * sum(self.waiting[name] for name in workers) / self.total if self.total > 1e-9 else 0.0


def figures(text):
    return [float(found.replace(",", "")) for found in re.findall(NUMBER, text)]


def check_headline(said, facts):
    """Returns the workers that it names."""
    if said in ("With one worker, there is nobody to wait for.", "These timings cannot identify stragglers."):
        return []
    slowdown = float(re.search(f"slow compute by {NUMBER}×", said)[1])
    assert slowdown == pytest.approx(facts.slowdown, abs=0.006)
    if said.startswith("Stragglers cost next to nothing"):
        assert facts.slowdown <= 1.0201
        return []
    named = re.findall(r"node\d+", said)
    if "it is always worker" in said:
        assert set(named) == facts.always
    elif "the straggler can be any worker" in said:
        (most,) = figures(said.split("more than")[1].split("%")[0])
        assert most == pytest.approx(max(facts.share(name) for name in facts.waiting), abs=0.06)
    elif named:
        (share,) = figures(re.search(rf"accounts? for {NUMBER}{SPACE}% of the waiting", said)[1])
        assert share == pytest.approx(facts.share(*named), abs=0.06)
        costliest = sorted(facts.waiting.values(), reverse=True)[: len(named)]
        assert sum(costliest) == pytest.approx(sum(facts.waiting[name] for name in named))
    else:
        many, of, share = figures(re.search(rf"{NUMBER} of {NUMBER} workers account for {NUMBER}", said)[0])
        assert of == len(facts.waiting)
        costliest = sorted(facts.waiting.values(), reverse=True)[: int(many)]
        assert share == pytest.approx(100 * sum(costliest) / facts.total, abs=0.06)
    if "it has recovered since" in said:
        assert figures(said)[-1] < facts.trace.step_numbers[-1]
    return named


def check_episode(said, facts):
    """In its steps the worker's times over the others' are longer than elsewhere, and it costs what is said."""
    numbers = facts.trace.step_numbers
    name, factor, first, last, over, share = re.fullmatch(
        rf"Worker (node\d+) was {NUMBER}× slower than at its best in steps (\d+) to (\d+), "
        rf"(to the end|and has recovered since): "
        rf"{NUMBER}{SPACE}% of the waiting\.",
        said,
    ).groups()
    rows = slice(numbers.index(int(first)), numbers.index(int(last)) + 1)
    assert (over == "to the end") == (int(last) == numbers[-1])
    cost = sum(cost / len(late) for late, cost in facts.by_step[rows] if name in late)
    assert float(share) == pytest.approx(100 * cost / facts.total if facts.total else 0, abs=0.06)
    column = facts.trace.worker_names.index(name)
    relative = facts.trace.compute_ms[:, column] / np.median(np.delete(facts.trace.compute_ms, column, axis=1), axis=1)
    assert float(factor) > 1.05
    assert np.median(relative[rows]) > np.quantile(relative, 0.02)


def check_reasons(said, facts, named):
    for sentence in said:
        if found := re.match(r"Worker (node\d+) was last in", sentence):
            (often,) = figures(sentence.split("was last in")[1])
            assert often == pytest.approx(100 * facts.last[found[1]] / facts.trace.steps, abs=0.06)
        elif sentence.startswith("Each of these workers was last in"):
            low, high = figures(sentence)
            often = [100 * facts.last[name] / facts.trace.steps for name in named]
            if named:
                assert (low, high) == (pytest.approx(min(often), abs=0.06), pytest.approx(max(often), abs=0.06))
        elif "next to nothing" in sentence:
            assert max((facts.cured[name] for name in named), default=0) < 0.0005 * facts.epoch
        elif sentence.startswith("Repairing"):
            saved = max((facts.cured[name] for name in named), default=None)
            if saved is not None:
                assert figures(sentence)[-1] == pytest.approx(100 * saved / facts.epoch, abs=0.06)
        elif sentence.startswith("Excluding the network"):
            assert figures(sentence)[0] == pytest.approx(100 * (1 - 1 / facts.slowdown), abs=0.06)
        elif found := re.match(r"Most of it comes from (one|\d+) stretch", sentence):
            mine = [figures(other)[-1] for other in said if re.match(rf"Worker {named[0]} was {NUMBER}×", other)]
            if not any("more such stretch" in other for other in said):
                assert len(mine) == (1 if found[1] == "one" else int(found[1]))
                assert sum(mine) >= facts.share(named[0]) / 2 - 0.06
        elif "took more than twice" in sentence:
            of_all, all_of_them, *each = figures(re.sub(r"node\d+", "", sentence))
            assert all_of_them == facts.trace.compute_ms.size
            assert sum(each) == of_all <= all_of_them / 10


@pytest.fixture
def any_law(monkeypatch):
    """One law for every table: finding the best takes longer than all the rest, and is not what is checked."""
    shape = {"stragglers": Stragglers(), "workers": 1, "misfit": 0.0}
    law = Fit(compute=Constant(mean_ms=1), **shape, slowest_ratio=1.0, measured_ratio=1.0)
    monkeypatch.setattr("core.traces.diagnosis.fits", lambda compute_ms, *known: [law])


@pytest.mark.parametrize("block", range(4))
def test_every_sentence_is_what_the_times_say(block, any_law):
    for number in examples(16):
        seed = 4 * number + block
        trace = made(seed)
        found, facts = diagnose(trace), Facts(trace)
        named = check_headline(headline(found), facts)
        check_reasons(reasons(found, trace), facts, named)
        for sentence in episodes_in_words(found):
            if sentence.startswith("Worker"):
                check_episode(sentence, facts)
        table = workers_table(found)
        for row in table.itertuples(index=False):
            assert row[4] == pytest.approx(facts.share(row[0]), abs=0.06)
            assert row[5] == pytest.approx(100 * facts.cured[row[0]] / facts.epoch, abs=0.06)
        assert table.iloc[:, 4].is_monotonic_decreasing
        assert workers_in_words(found).count("worker node") >= min(len(table), 16)
        assert f"-0.0{SPACE}%" not in headline(found) + " ".join(reasons(found, trace))
