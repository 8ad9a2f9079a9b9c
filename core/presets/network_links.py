"""Links between machines, by the names that people call them."""

from core.workload.networks import AlphaBeta

NETWORK_LINKS = {
    "NVLink-class": (0.003, 2_400.0),
    "100 GbE": (0.01, 100.0),
    "10 GbE": (0.05, 10.0),
    "WAN": (30.0, 1.0),
}
"""Latency in ms and bandwidth in Gb/s of common links: round values to start from."""

FAST_LINKS = AlphaBeta(latency_ms=0.01, bandwidth_gbps=100, message_mb=400)
NODES_OF_8 = AlphaBeta(latency_ms=0.01, bandwidth_gbps=100, message_mb=400, workers_per_node=8, links_per_node=4)
"""Eight workers to a node, NVLink-class links inside, four 100 GbE cards out of each."""
REGIONS = AlphaBeta(
    latency_ms=30,
    bandwidth_gbps=1,
    message_mb=400,
    workers_per_node=8,
    node_latency_ms=0.01,
    node_bandwidth_gbps=100,
)
"""Eight workers to a region, 100 GbE inside, one wide-area link between regions."""
TWO_LEVELS = {
    "8 GPUs per node": (NODES_OF_8, "NVLink-class inside, 4 × 100 GbE out"),
    "Regions of 8 over a WAN": (REGIONS, "100 GbE inside"),
}
"""Links inside and between nodes, and what they are."""
