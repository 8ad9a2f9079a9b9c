"""What tests read out of sentences."""

import re


def numbers(text: str) -> list[float]:
    """Every number in a text, signs and units left out."""
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]
