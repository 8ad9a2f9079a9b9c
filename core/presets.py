"""Named scenarios, each with the question it answers in a meeting."""

from dataclasses import dataclass

from core.compute import Uniform
from core.network import FlatLatency
from core.policies import Asynchronous, Synchronous
from core.scenario import Scenario


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A scenario that makes one point: a question, and the answer that the simulator gives."""

    name: str
    question: str
    answer: str
    scenario: Scenario


def preset(name, question, answer, *, workers, batch_ms, latency_ms, batches, jitter=0.2, policy=None) -> Preset:
    """A preset in the terms of the reference's controls."""
    scenario = Scenario(
        workers=workers,
        batches=batches,
        compute=Uniform(mean_ms=batch_ms, jitter=jitter),
        network=FlatLatency(latency_ms=latency_ms),
        policy=policy or Synchronous(),
    )
    return Preset(name=name, question=question, answer=answer, scenario=scenario)


PRESETS = (
    preset(
        "Reference · 4 workers",
        "What do a barrier and a slow network cost four workers?",
        "An epoch takes about 7.60 s; without the barrier it is 1.38× faster, mostly because async hardly pays "
        "for the network here.",
        workers=4,
        batch_ms=500,
        latency_ms=200,
        batches=10,
    ),
    preset(
        "Reference · 8 workers",
        "How stale do gradients get when eight workers never wait?",
        "About 6.7 updates on average, close to the long-run 7 = N − 1; the epoch takes about 6.60 s.",
        workers=8,
        batch_ms=400,
        latency_ms=150,
        batches=15,
        policy=Asynchronous(),
    ),
    preset(
        "Healthy cluster",
        "Equal machines, almost no jitter, a fast network: what does async buy?",
        "Next to nothing: 1.006×, at the price of stale gradients. Stay synchronous.",
        workers=8,
        batch_ms=500,
        latency_ms=0,
        batches=30,
        jitter=0.01,
    ),
    preset(
        "Does the barrier scale?",
        "The network is free and jitter is ±20 %: how much more does the barrier cost with 64 workers?",
        "Workers idle 16.2 % of the time. It was 10.7 % with 4 workers, and on average it never passes 16.7 %: "
        "bounded jitter bounds the cost.",
        workers=64,
        batch_ms=500,
        latency_ms=0,
        batches=20,
    ),
    preset(
        "Slow network",
        "Communication takes five times as long as computing: is it the barrier that hurts?",
        "No: sync spends 81 % of the epoch on the network and only 2.5 % waiting. Bigger batches or a faster network "
        "come before giving up the barrier.",
        workers=8,
        batch_ms=100,
        latency_ms=500,
        batches=20,
    ),
)
