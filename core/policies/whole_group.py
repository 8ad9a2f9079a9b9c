"""The rounds of a group whose workers fail, as they are while all of them are up."""

from functools import cached_property

import numpy as np

from core.policies.exchange import Exchange
from core.workload.draws import Draws


class WholeGroup:
    """The rounds of all workers while nobody fails, in the order of the draws: worked out as far as they are needed.

    Args:
        draws: compute times, and what the network takes.
        wait_for: how many gradients an iteration waits for.
        period: batches of a round.
        fragments: an average is of one of so many parts of the parameters.
        sizes: sizes of mini-batches, (workers, runs); None where they are equal.

    Attributes:
        took: how long each worker takes until it is done with each mini-batch, arrays of (rounds, period, workers,
            runs) one after the other, ms.
        waited_for: whether it is waited for, likewise; none where all are.
        longest_ms: how long the last one takes that is waited for, (rounds, runs), ms.
        latest_ms: how long the last one takes, likewise.
        exchange: the exchanges after the barriers, likewise.

    """

    def __init__(self, draws: Draws, wait_for: int, period: int, fragments: int, sizes: np.ndarray | None) -> None:
        self.draws, self.wait_for, self.period, self.fragments, self.sizes = draws, wait_for, period, fragments, sizes
        self.took: list[np.ndarray] = []
        self.waited_for: list[np.ndarray] = []
        self.longest_ms = self.latest_ms = none = np.zeros((0, draws.runs))
        self.exchange = Exchange(none, none, none)

    def reach(self, rounds: int) -> None:
        """Work out so many of them at least."""
        known = len(self.longest_ms)
        if rounds <= known:
            return
        first, last = known * self.period, rounds * self.period
        compute = self.draws.compute_rows(last, first)
        if self.sizes is not None:
            compute = compute * self.sizes
        took = done_after(compute.reshape(-1, self.period, *compute.shape[1:]))
        done, used = took[:, -1], None
        latest = longest = done.max(axis=1)
        if self.wait_for < done.shape[1]:
            used = quickest(done, self.wait_for)
            longest = np.where(used, done, 0).max(axis=1)
            self.waited_for.append(used[:, None])
        self.took.append(took)
        network = self.draws.barrier_rows(last, self.fragments)[first:, 0]
        cost = network.reshape(-1, self.period, self.draws.runs).mean(axis=1)
        exchange = exchange_of(self.draws, cost, longest, done, compute[self.period - 1 :: self.period], used)
        self.longest_ms = np.concatenate([self.longest_ms, longest])
        self.latest_ms = self.longest_ms if used is None else np.concatenate([self.latest_ms, latest])
        self.exchange = self.exchange.followed_by(exchange)

    @cached_property
    def usual_ms(self) -> np.ndarray:
        """How long a round takes on average, as far as is known when that is first asked for, (runs,), ms."""
        return np.mean(self.longest_ms + self.exchange.exposed_ms, axis=0)


def quickest(done_ms: np.ndarray, count: np.ndarray | int) -> np.ndarray:
    """Who is among the first to be done; ties go to the lower worker number.

    Args:
        done_ms: when each worker is done, (rounds, workers, runs), ms.
        count: how many are among the first, broadcasts to that shape.

    """
    order = np.argsort(done_ms, axis=1, kind="stable")
    return np.argsort(order, axis=1, kind="stable") < count


def done_after(compute_ms: np.ndarray) -> np.ndarray:
    """How long each worker takes until it is done with each mini-batch of a round, (rounds, period, workers, runs)."""
    if compute_ms.shape[1] == 1:
        return compute_ms
    done = compute_ms.copy()
    for step in range(1, done.shape[1]):
        done[:, step] += done[:, step - 1]
    return done


def exchange_of(
    draws: Draws,
    cost_ms: np.ndarray,
    barrier_ms: np.ndarray,
    done_ms: np.ndarray,
    last_ms: np.ndarray,
    used: np.ndarray | None,
) -> Exchange:
    """The exchanges of rounds in which nobody fails: their first buckets go out when all have them.

    Args:
        draws: whose network it is.
        cost_ms: what each takes in all, (…, runs), ms.
        barrier_ms: when all are there, (…, runs), ms.
        done_ms: when each worker is, (…, workers, runs), ms.
        last_ms: how long its last mini-batch takes, likewise.
        used: who takes part, likewise; None where all do.

    """
    if not draws.head_start:
        return Exchange(cost_ms, cost_ms, np.zeros_like(cost_ms))
    first = done_ms - draws.head_start * last_ms
    first = (first if used is None else np.where(used, first, -np.inf)).max(axis=-2)
    return Exchange.of(draws, cost_ms, np.where(np.isfinite(first), barrier_ms - first, 0.0))
