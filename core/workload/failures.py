"""Workers that fail: how often, for how long, and how a policy goes on."""

import math
from dataclasses import dataclass

from core.common.parameters import OneOf, Part, Real, Whole, takes
from core.common.validation import MAX_BATCHES

HOUR_MS = 3_600_000
RECOVERIES = ("rollback", "elastic")


@dataclass(frozen=True, kw_only=True)
class Failures(Part):
    """Failures of workers: a Poisson process in wall time for each, whatever it is at; by default there are none.

    One that falls into its worker's own down time is ignored. With a barrier all go back to the last checkpoint
    (rollback), or go on without the one that failed (elastic). Without a barrier nobody else stops, whatever is chosen
    here: the worker that failed loses the mini-batch that it is at, and a push that has not been served.

    Attributes:
        mtbf_hours: mean time between failures of one worker, hours; 0, the default, for none.
        restart_s: after how long a worker that failed is back, s; 60 by default.
        recovery: "rollback" (the default) or "elastic".
        checkpoint_batches: with rollback, mini-batches from one checkpoint to the next; 0, the default, for none: back
            to the start of the epoch.
        checkpoint_s: what each checkpoint costs everybody, s; 0 by default.
        regroup_s: with elastic recovery, what each change of the group costs everybody in it, s; 0 by default.

    Raises:
        ScenarioError: for a value out of bounds; it names field, value and range.

    Source:
        Young 1974 and Daly 2006 (checkpoints).

    Example:
        >>> from core import Failures, LogNormal, Scenario, simulate
        >>> failures = Failures(mtbf_hours=1, restart_s=120, checkpoint_batches=10, checkpoint_s=5)
        >>> scenario = Scenario(workers=8, batches=100, compute=LogNormal(mean_ms=10_000), failures=failures)
        >>> simulate(scenario).metrics.failures > 0
        True

    """

    prefix = "failures."

    mtbf_hours: float = takes(
        Real(0, 1e9, unit="h"),
        0.0,
        key="mtbf_hours",
        axis=(0.5, 1.0, 2.0, 5.0, 10.0, 24.0, 100.0),
        label="Time between failures per worker (h)",
        help="Mean time between two failures of one worker; 0 for none. Of N workers, one fails N times as often.",
        usual=(0, 100),
        step=1,
        format="%.4g",
    )
    restart_s: float = takes(
        Real(0, 1e7, unit="s"),
        60.0,
        key="restart_s",
        acts_with="mtbf_hours",
        axis=(0.0, 10.0, 30.0, 60.0, 300.0, 900.0),
        label="Restart time (s)",
        help="How long a worker that failed is away.",
        step=10,
        format="%.4g",
    )
    recovery: str = takes(
        OneOf(RECOVERIES),
        "rollback",
        key="recovery",
        acts_with="mtbf_hours",
        label="Recovery with a barrier",
        help="rollback: all go back to the last checkpoint. elastic: the others go on without the one that failed.",
    )
    checkpoint_batches: int = takes(
        Whole(0, MAX_BATCHES),
        0,
        key="checkpoint_batches",
        acts_with="mtbf_hours",
        axis=(1, 2, 5, 10, 20, 50, 100),
        label="Checkpoint interval (batches)",
        help="With rollback: mini-batches from one checkpoint to the next; 0 for none, back to the start of the epoch.",
        usual=(0, 100),
        step=1,
    )
    checkpoint_s: float = takes(
        Real(0, 1e6, unit="s"),
        0.0,
        key="checkpoint_s",
        acts_with="checkpoint_batches",
        axis=(0.0, 1.0, 5.0, 10.0, 30.0, 60.0),
        label="Checkpoint cost (s)",
        help="How long each checkpoint stops all workers.",
        step=1,
        format="%.4g",
    )
    regroup_s: float = takes(
        Real(0, 1e6, unit="s"),
        0.0,
        key="regroup_s",
        acts_with="mtbf_hours",
        axis=(0.0, 1.0, 5.0, 10.0, 30.0, 60.0),
        label="Regrouping cost (s)",
        help="With elastic recovery: how long all workers stop when one leaves the group or joins it.",
        step=1,
        format="%.4g",
    )

    @property
    def any(self) -> bool:
        """Whether workers fail at all."""
        return self.mtbf_hours > 0

    @property
    def elastic(self) -> bool:
        """Whether those behind a barrier go on without the one that failed."""
        return self.recovery == "elastic"

    @property
    def mtbf_ms(self) -> float:
        """Mean time between failures of one worker, ms."""
        return self.mtbf_hours * HOUR_MS

    @property
    def restart_ms(self) -> float:
        """How long a worker is down, ms."""
        return 1000 * self.restart_s

    @property
    def checkpoint_ms(self) -> float:
        """What a checkpoint costs, ms."""
        return 1000 * self.checkpoint_s

    @property
    def regroup_ms(self) -> float:
        """What a change of the group costs, ms."""
        return 1000 * self.regroup_s


def grown(exponent: float) -> float:
    """e^x − 1, infinite where it is too large for a number."""
    return math.expm1(exponent) if exponent < 700 else math.inf


def restart_mean_ms(rate: float, restart_ms: float) -> float:
    """Mean time until R passes without a failure: (e^{λR} − 1)/λ.

    Args:
        rate: λ, failures a ms of those that may start it anew.
        restart_ms: R, ms.

    """
    return grown(rate * restart_ms) / rate if rate * restart_ms > 1e-12 else restart_ms


def rollback_ms(
    work_ms: float, every_ms: float, checkpoint_ms: float, restart_ms: float, mtbf_ms: float, workers: int = 1
) -> float:
    """Mean time of work with a checkpoint after every τ of it, by workers that all stop when one fails.

    (1/Λ + (e^{λ'R} − 1)/λ')·(e^{Λ(τ + δ)} − 1) for each of W/τ segments, Λ = N·λ and λ' = (N − 1)·λ: exact for a worker
    alone, and up to the chance that two are down together for more.

    Args:
        work_ms: W, ms without failures and checkpoints.
        every_ms: τ, from one checkpoint to the next, ms.
        checkpoint_ms: δ, what one costs, ms.
        restart_ms: R, ms.
        mtbf_ms: 1/λ, mean time between failures of one worker, ms.
        workers: N.

    Returns:
        The mean time, ms; infinite where it is too large for a number.

    Source:
        Daly, A higher order estimate of the optimum checkpoint interval (2006), whose R may fail at the whole rate.

    Example:
        >>> from core.workload.failures import rollback_ms
        >>> round(rollback_ms(1000, 50, 2, 10, 300 * 1e6, workers=1_000_000), 1)
        1174.1

    """
    rate = 1 / mtbf_ms
    segment = (1 / (workers * rate) + restart_mean_ms((workers - 1) * rate, restart_ms)) * grown(
        workers * rate * (every_ms + checkpoint_ms)
    )
    return segment * work_ms / every_ms


def push_step_ms(step_ms: float, restart_ms: float, mtbf_ms: float) -> float:
    """Mean time of a mini-batch of a worker that does it again whenever it fails: (e^{λm} − 1)·(1/λ + R).

    Args:
        step_ms: m, computing and network time of a mini-batch without failures, ms.
        restart_ms: R, ms.
        mtbf_ms: 1/λ, mean time between failures while it is up, ms.

    Source:
        Renewal argument: tries until one is not cut short; the memoryless time to a failure begins anew with each.

    Example:
        >>> from core.workload.failures import push_step_ms
        >>> round(push_step_ms(1, 4, 20), 4)
        1.2305

    """
    return grown(step_ms / mtbf_ms) * (mtbf_ms + restart_ms)


def elastic_share(step_ms: float, restart_ms: float, mtbf_ms: float) -> float:
    """Share of a worker's mini-batches that is done where the others go on: about MTBF/(MTBF + R + m).

    Args:
        step_ms: m, time of a round, of which one is lost for each failure, ms.
        restart_ms: R, ms.
        mtbf_ms: MTBF, ms.

    Source:
        Renewal argument: a failure loses half a round on average, and waits for the next one for another half.

    """
    return mtbf_ms / (mtbf_ms + restart_ms + step_ms)


def best_interval_ms(checkpoint_ms: float, mtbf_ms: float) -> float:
    """The work between two checkpoints that costs least, about: √(2δM).

    Args:
        checkpoint_ms: δ, what one costs, ms.
        mtbf_ms: M, mean time between failures of all workers together, ms.

    Source:
        Young, A first order approximation to the optimum checkpoint interval (1974).

    Example:
        >>> from core.workload.failures import best_interval_ms
        >>> best_interval_ms(2, 400)
        40.0

    """
    return math.sqrt(2 * checkpoint_ms * mtbf_ms)
