"""Network models: what a synchronisation costs everybody, and what a push and a pull cost one worker."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from core.common.parameters import Flag, OneOf, Part, Real, Whole, takes
from core.common.validation import MAX_WORKERS, TIME_RANGE_MS, ScenarioError, real, shown
from core.common.wording import counted

COLLECTIVES = {"ring": "Ring all-reduce", "tree": "Tree all-reduce", "server": "Parameter server"}
"""How a barrier averages: what a link calls it, and what people do."""
MAX_BUCKETS = 4_096
PerWorker = float | np.ndarray
"""What is the same for all workers, or a column of one number each, (workers, 1)."""


@dataclass(frozen=True, kw_only=True)
class Network(Part, ABC):
    """What communication costs, in ms. Without a barrier: a push travels, is served in turn, and is answered."""

    prefix = "network."

    @property
    def code(self) -> str:
        """What a link calls it."""
        return ""

    def check(self, workers: int) -> None:
        """Check that so many workers can be on this network.

        Args:
            workers: how many there are.

        Raises:
            ScenarioError: where they cannot.

        """

    @abstractmethod
    def barrier_ms(self, workers: int, parts: int = 1) -> float:
        """What an exchange of all workers takes, ms: what each pays after a barrier, if no bucket goes out earlier.

        Args:
            workers: how many take part.
            parts: what is exchanged is one of so many equal parts of a message.

        """

    @property
    def head_start(self) -> float:
        """Share of a mini-batch's compute time by which the first bucket goes out before its end; 0 without buckets."""
        return 0.0

    def exposed_ms(self, barrier_ms: np.ndarray, lead_ms: np.ndarray) -> np.ndarray:
        """What is left of exchanges after their barriers, where their first buckets go out earlier, ms.

        Args:
            barrier_ms: what each exchange takes in all, ms.
            lead_ms: how long before the barrier the first bucket is ready on every worker, ms.

        """
        return barrier_ms

    def sent_mb(self, workers: int, *, with_barrier: bool) -> float:
        """What a worker sends for one exchange of all parameters, MB; NaN where messages have no size.

        Args:
            workers: how many take part.
            with_barrier: whether all exchange together; else the worker pushes alone.

        """
        return math.nan

    @abstractmethod
    def draw_push(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """How long each push travels to the server, ms; filled in C order.

        Args:
            rng: the generator that random delays come from.
            shape: (…, rows, workers).

        Returns:
            An array of that shape, ms.

        """

    @property
    def answers_at_once(self) -> bool:
        """Whether the server never keeps anybody waiting: each push is applied and answered when it arrives."""
        return self.service_ms == self.pull_ms == 0

    @property
    def service_ms(self) -> float:
        """How long one push keeps the server busy, ms; others queue meanwhile, first come, first served."""
        return 0.0

    @property
    def pull_ms(self) -> float:
        """How long the server's answer travels, ms."""
        return 0.0

    def service_of(self, workers: int) -> PerWorker:
        """How long a push of each of so many workers keeps the server busy, ms."""
        return self.service_ms

    def pull_of(self, workers: int) -> PerWorker:
        """How long the server's answer travels to each of so many workers, ms."""
        return self.pull_ms


@dataclass(frozen=True, kw_only=True)
class FlatLatency(Network):
    """The reference's network: latency L after a barrier; per push without one U(async_least·L, async_fraction·L).

    With the fractions as they are by default it makes asynchronous communication nearly free; say so wherever that
    decides an answer. With both at 1 a push costs what a barrier costs.

    Attributes:
        latency_ms: L, what everybody pays after a barrier, ms; 200 by default.
        async_fraction: the most that a push pays, as a share of L from 0 to 1; 0.3 by default.
        async_least: the least that a push pays, as a share of L; 0 by default, and at most async_fraction.

    """

    code = "flat"

    latency_ms: float = takes(
        Real(0, TIME_RANGE_MS[1], unit="ms"),
        200.0,
        key="latency_ms",
        axis=(0, 25, 50, 100, 200, 300, 400, 500, 750, 1000),
        label="Network latency (ms)",
        help="What each barrier costs. Without a barrier, each push costs 0 to 30 % of it. "
        "For real links, with bandwidth and queues, choose another network model.",
        usual=(0, 1_000),
        step=25,
        format="%g",
    )
    async_fraction: float = takes(
        Real(0, 1),
        0.3,
        key="async_fraction",
        axis=(0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0),
        label="Highest async latency (share)",
        help="Without a barrier, each push costs up to this share of the latency. The reference has 0.30.",
        usual=(0, 1),
        step=0.05,
    )
    async_least: float = takes(
        Real(0, 1),
        0.0,
        key="async_least",
        label="Lowest async latency (share)",
        help="The least a push costs; the reference has 0. With both shares at 1, it costs as much as a barrier.",
        usual=(0, 1),
        step=0.05,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        real("network.async_least", self.async_least, 0, self.async_fraction)

    @property
    def push_range_ms(self) -> tuple[float, float]:
        """The shortest and the longest push delay, ms; all between are as likely."""
        return self.async_least * self.latency_ms, self.async_fraction * self.latency_ms

    def barrier_ms(self, workers: int, parts: int = 1) -> float:
        return self.latency_ms

    def draw_push(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        shortest, longest = self.push_range_ms
        delays = rng.random(shape)
        delays *= longest - shortest
        if shortest:
            delays += shortest
        return delays


@dataclass(frozen=True, kw_only=True)
class AlphaBeta(Network):
    """Messages of `message_mb` MB over links with a latency (α) and a bandwidth (β, in Gb/s).

    A barrier averages by a collective. Without a barrier all pushes go through a parameter server, first come, first
    served. Workers may stand in nodes, with quicker links inside; gradients may go out in buckets while the backward
    pass still computes others.

    Attributes:
        latency_ms: α, what each message pays whatever its size, ms; 0.05 by default.
        bandwidth_gbps: β, of one link, one way, Gb/s; 10 by default. With nodes, latency and bandwidth are those of the
            links between them.
        message_mb: M, the gradients of one mini-batch, MB; 100 by default.
        collective: how a barrier averages: "ring" all-reduce (the default), "tree" (halving-doubling) or "server"
            (parameter server).
        servers: S, shards of the parameter server; 1 by default.
        own_link: whether a worker's pushes and pulls also have to go through its own link, which is as fast as a
            server's; for a worker in a node, through all links of the node together. False by default: then it reaches
            all servers at once, at S times the speed of a link. If True, a push takes at least t, and so does a pull:
            the t − d during which the servers are not busy with it is added to its travel time, and they serve others
            meanwhile. A barrier through servers takes 2α + 2·max(N·t/S, t). It changes nothing if S is 1, or if the
            server stands inside a node, because traffic from other nodes goes through that node's links anyway.
        overlap: share of a barrier's cost that is hidden under computing, from 0 to below 1; 0 by default. A guess:
            buckets say what can be hidden.
        buckets: K, equal parts in which gradients become ready and are averaged, one after the other, each with the
            latency of a collective; 1 by default.
        backward_share: b, the backward pass as a share of a mini-batch's compute time; 2/3 by default. It counts where
            there are several buckets.
        workers_per_node: g, workers that share a node; 1 by default, no nodes. It must divide the number of workers.
        node_latency_ms: α₁, latency of a link inside a node, ms; 0.003 by default.
        node_bandwidth_gbps: β₁, bandwidth of a link inside a node, Gb/s; 2,400 by default.
        links_per_node: links that lead out of a node, shared by its workers, from 1 to `workers_per_node`; 1 by
            default.
        server_place: where the parameter server stands, "outside" the nodes (the default) or "inside" the first one,
            whose links all other nodes then share.
        efficiency: share of the bandwidths that messages reach, 1e-6 to 1; 1 by default.

    Raises:
        ScenarioError: for a value out of bounds, which it names with its field and range, and for several buckets
            together with an overlap.

    Source:
        Patarasuk & Yuan 2009 (ring); Thakur, Rabenseifner & Gropp 2005 (halving-doubling); Li et al. 2020, PyTorch
        Distributed (buckets).

    Example:
        >>> from core import AlphaBeta
        >>> nodes = AlphaBeta(latency_ms=0.01, bandwidth_gbps=100, workers_per_node=8, links_per_node=4)
        >>> round(AlphaBeta(latency_ms=0.01, bandwidth_gbps=100).barrier_ms(16), 2), round(nodes.barrier_ms(16), 2)
        (15.3, 2.65)

    """

    latency_ms: float = takes(
        Real(0, TIME_RANGE_MS[1], unit="ms"),
        0.05,
        key="alpha_ms",
        axis=(0.0, 0.01, 0.1, 1.0, 5.0, 10.0, 30.0, 100.0),
        label="Link latency (ms)",
        help="The fixed cost of each message, whatever its size.",
        step=0.01,
        format="%.4g",
    )
    bandwidth_gbps: float = takes(
        Real(1e-6, 1e6, unit="Gb/s"),
        10.0,
        key="bandwidth_gbps",
        axis=(1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 400.0),
        label="Bandwidth (Gb/s)",
        help="Of one link, one way.",
        step=1,
        format="%.4g",
    )
    message_mb: float = takes(
        Real(1e-6, 1e6, unit="MB"),
        100.0,
        key="message_mb",
        axis=(1.0, 10.0, 25.0, 50.0, 100.0, 200.0, 400.0, 1000.0),
        label="Gradient size (MB)",
        help="The gradients of one mini-batch: 4 bytes per parameter in single precision.",
        step=10,
        format="%.6g",
    )
    collective: str = takes(OneOf(tuple(COLLECTIVES)), "ring")
    servers: int = takes(
        Whole(1, 4096),
        1,
        key="servers",
        axis=(1, 2, 4, 8, 16),
        label="Parameter servers",
        help="Shards that serve each push together, each with a link of its own. A server with a link ten times as "
        "fast counts as ten.",
        usual=(1, 64),
        step=1,
    )
    own_link: bool = takes(
        Flag(),
        False,
        key="own_link",
        acts_with="servers",
        label="Limit pushes to own link",
        help="A worker's pushes and pulls also have to go through its own link, or the links of its node, however many "
        "servers there are. Off: it reaches all servers at once, each at full speed, which favours async.",
    )
    overlap: float = takes(
        Real(0, 1, below=True),
        0.0,
        key="overlap",
        axis=(0.0, 0.25, 0.5, 0.75, 0.9),
        label="Overlap with compute",
        help="Share of a barrier's network time that is hidden under computing. It only counts with a single bucket; "
        "with several, the buckets themselves determine what can be hidden.",
        usual=(0, 0.95),
        step=0.05,
    )
    buckets: int = takes(
        Whole(1, MAX_BUCKETS),
        1,
        key="buckets",
        axis=(1, 2, 4, 8, 16, 32, 64),
        label="Gradient buckets",
        help="Equal parts in which gradients are averaged, one after the other, as the backward pass computes them. "
        "Each pays the latency again. 1: nothing is sent before the mini-batch is done.",
        usual=(1, 100),
        step=1,
    )
    backward_share: float = takes(
        Real(0, 1),
        2 / 3,
        key="backward_share",
        acts_with="buckets",
        label="Backward pass (share of a batch)",
        help="Share of a mini-batch's compute time in which gradients become ready, bucket by bucket.",
        usual=(0, 1),
        step=0.05,
        format="%.2f",
    )
    workers_per_node: int = takes(
        Whole(1, MAX_WORKERS),
        1,
        key="workers_per_node",
        label="Workers per node",
        help="Workers that share a node, with links of their own inside it; latency and bandwidth above are then those "
        "between nodes. 1: no nodes. A value that does not divide the number of workers counts as the next lower one "
        "that does.",
        usual=(1, 64),
        step=1,
    )
    node_latency_ms: float = takes(
        Real(0, TIME_RANGE_MS[1], unit="ms"),
        0.003,
        key="node_latency_ms",
        acts_with="workers_per_node",
        label="Latency within a node (ms)",
        help="The fixed cost of each message between workers of one node.",
        step=0.001,
        format="%.4g",
    )
    node_bandwidth_gbps: float = takes(
        Real(1e-6, 1e6, unit="Gb/s"),
        2_400.0,
        key="node_bandwidth_gbps",
        acts_with="workers_per_node",
        label="Bandwidth within a node (Gb/s)",
        help="Of one link between workers of one node, one way.",
        step=100,
        format="%.6g",
    )
    links_per_node: int = takes(
        Whole(1, MAX_WORKERS),
        1,
        key="links_per_node",
        acts_with="workers_per_node",
        label="Links per node",
        help="Network cards of a node, shared by its workers: at most one for each of them.",
        usual=(1, 64),
        step=1,
    )
    server_place: str = takes(
        OneOf(("outside", "inside")),
        "outside",
        key="server_place",
        acts_with="workers_per_node",
        label="Parameter server location",
        help="outside: beside the nodes, each shard with a link of its own. inside: in the first node, whose links the "
        "other nodes share.",
    )
    efficiency: float = takes(
        Real(1e-6, 1),
        1.0,
        key="efficiency",
        axis=(0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
        label="Link efficiency",
        help="Share of the bandwidth that messages really reach; 1 is what the data sheet says.",
        usual=(0.05, 1),
        step=0.05,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.buckets > 1 and self.overlap > 0:
            raise ScenarioError(
                f"network.overlap: {self.overlap:g} cannot go together with network.buckets, which is "
                f"{self.buckets:,}: buckets say by themselves how much is hidden; leave overlap at 0 or buckets at 1."
            )
        if self.links_per_node > self.workers_per_node:
            raise ScenarioError(
                f"network.links_per_node: {self.links_per_node:,} are more than a node has workers "
                f"(network.workers_per_node is {self.workers_per_node:,}); take 1 to {self.workers_per_node:,}."
            )

    def check(self, workers: int) -> None:
        if workers % self.workers_per_node:
            fits = [str(each) for each in range(1, min(workers, 64) + 1) if workers % each == 0]
            raise ScenarioError(
                f"network.workers_per_node: {self.workers_per_node:,} does not divide {workers:,}, the number of "
                f"workers; take {', '.join(fits[:-1])}{' or ' if fits[:-1] else ''}{fits[-1]}, or other workers."
            )

    def fitted(self, workers: int, times_ms: Mapping[float, float]) -> Self:
        """The same links with the efficiency that timed collectives show; of several sizes, with their latency, too.

        What a collective takes is a line over its size: the latencies of its messages, and a slope that the efficiency
        sets. One size tells the slope alone, with the latency as it is; of several, it is the line of least squares.

        Args:
            workers: how many took part.
            times_ms: how long a collective took, ms, by what it averaged, MB: {25: 12.4, 100: 46.1}. Nothing computed
                beside it.

        Raises:
            ScenarioError: for times that are none, or shorter than these links allow at best.

        Example:
            >>> from core import AlphaBeta
            >>> measured = AlphaBeta(bandwidth_gbps=10).fitted(4, {25: 40.3, 100: 160.3})
            >>> round(measured.efficiency, 3), round(measured.latency_ms, 3)
            (0.75, 0.05)

        """
        self.check(workers)
        if not isinstance(times_ms, Mapping) or not times_ms:
            raise ScenarioError(f"times_ms: {shown(times_ms)} are not times in ms by size in MB, such as {{25: 12.4}}.")
        sizes = np.array([real("times_ms", size, 1e-6, 1e6, unit="MB") for size in times_ms])
        times = np.array([real("times_ms", time, *TIME_RANGE_MS, unit="ms") for time in times_ms.values()])
        alone = replace(self, overlap=0.0, buckets=1, efficiency=1.0, message_mb=1.0)
        latency = alone.barrier_ms(workers) - replace(alone, latency_ms=0.0, node_latency_ms=0.0).barrier_ms(workers)
        best = alone.barrier_ms(workers) - latency  # of one MB
        if not best:
            raise ScenarioError(
                f"times_ms: with {counted(workers, 'worker')} nothing is exchanged that could be timed."
            )
        found = self
        if len(sizes) > 1:
            slope, start = np.polyfit(sizes, times, 1)
            inside = replace(alone, latency_ms=0.0).barrier_ms(workers) - best
            messages = replace(alone, latency_ms=1.0, node_latency_ms=0.0).barrier_ms(workers) - best
            if messages:
                found = replace(found, latency_ms=max(0.0, (float(start) - inside) / messages))
        else:
            slope = (times[0] - latency) / sizes[0]
        if not slope > 0 or best / slope > 1 + 1e-9:
            at_best = ", ".join(f"{latency + best * size:.4g} ms for {size:g} MB" for size in sizes)
            raise ScenarioError(
                f"times_ms: {', '.join(f'{time:g}' for time in times)} ms are shorter than these links allow, "
                f"{at_best}: give the links the bandwidth and the latency that they have at best."
            )
        return replace(found, efficiency=min(1.0, float(best / slope)))

    @property
    def code(self) -> str:
        return self.collective

    @property
    def message_ms(self) -> float:
        """t, how long one message takes to pass a link, between nodes where there are nodes: 8·M/(β·efficiency), ms."""
        return 8 * self.message_mb / (self.bandwidth_gbps * self.efficiency)

    @property
    def node_message_ms(self) -> float:
        """t₁, how long one message takes to pass a link inside a node, ms."""
        return 8 * self.message_mb / (self.node_bandwidth_gbps * self.efficiency)

    @property
    def has_nodes(self) -> bool:
        """Whether workers share nodes."""
        return self.workers_per_node > 1

    def barrier_ms(self, workers: int, parts: int = 1) -> float:
        """Cost of all buckets together, times 1 − overlap, ms.

        Ring 2(N−1)α + 2(N−1)/N·t, tree 2·log2(N)·α + 2(N−1)/N·t, server 2α + 2N·t/S, or with `own_link`
        2α + 2·max(N·t/S, t), with K times the latency. In nodes, ring and tree reduce inside each node, average between
        the G = N/g nodes over l links, and gather inside: the costs inside (g workers, α₁, t₁) and between (G nodes, α,
        t/l) add up.
        """
        if self.collective == "server":
            latency, transfer = self._through_server_ms(workers)
        else:
            nodes, inside = workers // self.workers_per_node, self.workers_per_node
            latency = self._steps(nodes) * self.latency_ms
            transfer = 2 * (nodes - 1) / nodes * self.message_ms
            if self.has_nodes:
                latency += self._steps(inside) * self.node_latency_ms
                transfer /= self.links_per_node
                transfer += 2 * (inside - 1) / inside * self.node_message_ms
        return (1 - self.overlap) * (self.buckets * latency + transfer / parts)

    def _steps(self, members: int) -> float:
        """Messages that follow each other in a collective of so many."""
        return 2 * (members - 1) if self.collective == "ring" else 2 * math.log2(members)

    def _through_server_ms(self, workers: int) -> tuple[float, float]:
        """Latency and transfer of a push and a pull of all workers at once, ms: what is busiest sets the pace."""
        if not self.has_nodes:
            transfer = 2 * workers * self.message_ms / self.servers
            return 2 * self.latency_ms, max(transfer, 2 * self.own_link_ms) if self.own_link else transfer
        return 2 * float(np.max(self._alpha_of(workers))), 2 * max(self._busy_ms(workers))

    def _busy_ms(self, workers: int) -> tuple[float, float]:
        """How long a push of all workers keeps the links of the server busy, and those of a node, ms."""
        inside = self.workers_per_node
        if self.server_place == "inside":
            between = (workers - inside) * self.message_ms / self.links_per_node
            return inside * self.node_message_ms / self.servers, between
        return workers * self.message_ms / self.servers, inside * self.message_ms / self.links_per_node

    def _alpha_of(self, workers: int) -> PerWorker:
        """How long a push of each worker travels to the server, ms."""
        if not self._first_node_is_near:
            return self.latency_ms
        near = np.arange(workers)[:, None] < self.workers_per_node
        return np.where(near, self.node_latency_ms, self.latency_ms)

    @property
    def own_link_ms(self) -> float:
        """How long a message takes on its worker's own link, or on all links out of its node together, ms."""
        return self.message_ms / self.links_per_node

    def outruns_own_link(self, workers: int) -> bool:
        """Whether servers take a push faster than the worker's own link can carry it, so that `own_link` matters."""
        return not self._first_node_is_near and self.own_link_ms > float(self.service_of(workers))

    def _travel_of(self, workers: int) -> PerWorker:
        """α, plus, with `own_link`, how much longer a push takes on that link than in service: max(0, t − d), ms."""
        if self.own_link and self.outruns_own_link(workers):
            return self.latency_ms + self.own_link_ms - float(self.service_of(workers))
        return self._alpha_of(workers)

    @property
    def _first_node_is_near(self) -> bool:
        """Whether the first node's workers reach the server by links of their own."""
        return self.has_nodes and self.server_place == "inside"

    @property
    def head_start(self) -> float:
        return self.backward_share * (1 - 1 / self.buckets)

    def exposed_ms(self, barrier_ms: np.ndarray, lead_ms: np.ndarray) -> np.ndarray:
        """max(t/K, t − lead): the last bucket's cost at least, and all that the lead does not hide, ms.

        K buckets that get ready at even distances from the lead on pass one after the other. With the slowest worker's
        compute c the lead is b·c·(1 − 1/K).
        """
        return np.maximum(barrier_ms / self.buckets, barrier_ms - lead_ms)

    def sent_mb(self, workers: int, *, with_barrier: bool) -> float:
        """All-reduce: 2(N−1)/N·M, in nodes 2(g−1)/g·M inside and 2(G−1)/G·M/g between; a push to a server: M."""
        if not with_barrier or self.collective == "server":
            return self.message_mb
        inside, nodes = self.workers_per_node, workers // self.workers_per_node
        return self.message_mb * (2 * (inside - 1) / inside + 2 * (nodes - 1) / nodes / inside)

    @property
    def service_ms(self) -> float:
        return self.message_ms / self.servers

    @property
    def pull_ms(self) -> float:
        return self.latency_ms + max(self.service_ms, self.own_link_ms if self.own_link else 0.0)

    def service_of(self, workers: int) -> PerWorker:
        """d: t/S; in nodes no quicker than all links of the nodes together, t/min(S, G·l).

        With the server inside the first node, the pushes of the other nodes share its links, t/l, and those of its own
        workers take t₁/S.
        """
        if not self.has_nodes:
            return self.service_ms
        if not self._first_node_is_near:
            links = self.links_per_node * workers // self.workers_per_node
            return self.message_ms / min(self.servers, links)
        near = np.arange(workers)[:, None] < self.workers_per_node
        return np.where(near, self.node_message_ms / self.servers, self.message_ms / self.links_per_node)

    def pull_of(self, workers: int) -> PerWorker:
        """The same way back: d + α, or with `own_link` max(d, t) + α."""
        return self.service_of(workers) + self._travel_of(workers)

    def draw_push(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        travel = self._travel_of(shape[-1])
        return np.full(shape, travel if isinstance(travel, float) else travel[:, 0])


NETWORKS: dict[str, type[Network]] = {network.__name__: network for network in (FlatLatency, AlphaBeta)}
