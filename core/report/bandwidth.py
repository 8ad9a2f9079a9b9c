"""Required bandwidths in a table and in words."""

import pandas as pd

from core.common.wording import NBSP, listed, lowered, percent
from core.simulation.bandwidth import LEAST_GBPS


def is_any(gbps: float) -> bool:
    """Whether any bandwidth is enough: even the lowest one tried is, as with one worker that exchanges nothing."""
    return gbps <= LEAST_GBPS


def bandwidths(table: pd.DataFrame) -> pd.DataFrame:
    """What each policy needs for each utilization, Gb/s, as text; "never" if none is enough, "any" if all are.

    Args:
        table: of `required_bandwidth`.

    """
    order = list(dict.fromkeys(table["policy"]))
    wide = table.pivot(index="policy", columns="utilization_percent", values="bandwidth_gbps").loc[order]
    said = wide.map(lambda value: "never" if pd.isna(value) else "any" if is_any(value) else f"{value:.3g}")
    said.columns = [f"{share:g}{NBSP}% (Gb/s)" for share in wide]
    said.columns.name = None
    return said.rename_axis("Policy")


def bandwidths_in_words(table: pd.DataFrame) -> str:
    """A sentence on the largest utilization that all policies reach, and one on those that no bandwidth can give.

    Args:
        table: of `required_bandwidth`.

    """
    wide = table.pivot(index="utilization_percent", columns="policy", values="bandwidth_gbps")
    order = list(dict.fromkeys(table["policy"]))
    most = table.groupby("policy", sort=False)["most_percent"].first()
    met = wide[order].dropna()
    said = ""
    if len(met):
        share, needed = met.index.max(), met.loc[met.index.max()]
        parts = [
            f"any bandwidth is enough for {lowered(policy)}"
            if is_any(needed[policy])
            else f"{lowered(policy)} needs {needed[policy]:.3g}{NBSP}Gb/s"
            for policy in order
        ]
        text = listed(parts)
        said = f"For workers that compute {percent(share)} of their time, {text}. "
    lacking = [policy for policy in order if wide[policy].isna().any()]
    if lacking:
        limits = listed([f"{percent(most[policy])} with {lowered(policy)}" for policy in lacking])
        said += f"Whatever the bandwidth, waiting and latency leave no more than {limits}."
    return said.strip()
