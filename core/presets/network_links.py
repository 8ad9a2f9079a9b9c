"""Links between machines, by the names that people call them."""

NETWORK_LINKS = {
    "NVLink-class": (0.003, 2_400.0),
    "100 GbE": (0.01, 100.0),
    "10 GbE": (0.05, 10.0),
    "WAN": (30.0, 1.0),
}
"""Latency in ms and bandwidth in Gb/s of common links: round values to start from."""
