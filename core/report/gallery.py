"""What a card of the gallery answers, with the figures of its page."""

from collections.abc import Callable
from dataclasses import dataclass

from core.common.wording import NBSP, duration, lowered, percent, times
from core.policies.registry import policy_from_text
from core.presets.cards import Card, Figures
from core.report.verdicts import NOT_SEEN, share_saved

PERCENT = {
    "idle": "idle_percent",
    "computing": "utilization_percent",
    "network": "comm_percent",
    "waiting": "wait_percent",
    "redone": "cancelled_percent",
}
"""What an answer calls shares of the time."""


@dataclass(frozen=True)
class Told:
    """What a card says once somebody has guessed, or asked to be told."""

    text: str
    right: bool | None
    """Whether the guess is right; None where there is none, or no answer."""


class Named:
    """What stands in braces in an answer, for each row: {idle[sync]}."""

    def __init__(self, said: Callable[[str], str]) -> None:
        self.said = said

    def __getitem__(self, row: str) -> str:
        return self.said(row)


def told(card: Card, figures: Figures, guess: int | None) -> Told:
    """The answer of a card: whether a guess is right, what the figures say, and why.

    Args:
        card: the card.
        figures: what its page shows.
        guess: the place of the guess; None where somebody wants to be told.

    """
    if figures.open:
        more = "Ask for more of them (*Paired runs*, under *More*) to get the answer."
        return Told(f"These runs leave open who finishes first. {more}", None)
    right = card.guesses.right(figures)
    answer, is_right = card.guesses.texts[right], None if guess is None else guess == right
    verdict = {True: f"Right: **{answer}**.", False: f"Not quite. The answer is **{answer}**.", None: f"**{answer}**."}
    return Told(f"{verdict[is_right]} {answer_in_words(card, figures)}\n\n{card.why}", is_right)


def answer_in_words(card: Card, figures: Figures) -> str:
    """The sentences of a card's answer, with the figures that they name."""
    said = {
        "epoch": lambda row: duration(figures.rows[row]["epoch_ms"]),
        "stale": lambda row: f"{figures.rows[row]['mean_staleness']:.1f} updates",
        "times": lambda rows: times(figures.ratio(*rows.split(" / "))),
        "quicker": lambda rows: quicker(figures, *rows.split(" / ")),
        "finishes": lambda row: against_first(figures.speedup(row), "finishes", "takes"),
        "finish": lambda row: against_first(figures.speedup(row), "finish", "take"),
    }
    said |= {name: share_of(figures, metric) for name, metric in PERCENT.items()}
    return card.answer.format_map({name: Named(in_words) for name, in_words in said.items()})


def share_of(figures: Figures, metric: str) -> Callable[[str], str]:
    """A share of the time, of any row."""
    return lambda row: percent(figures.rows[row][metric])


def quicker(figures: Figures, one: str, other: str) -> str:
    """Which of two policies finishes how much sooner, as the headline of Compare has it."""
    ratio = figures.ratio(one, other)
    first, second = (other, one) if ratio >= 1 else (one, other)
    names = [policy_from_text(text).label for text in (first, second)]
    return f"{names[0]} finishes {share_saved(max(ratio, 1 / ratio))} sooner than {lowered(names[1])}"


def against_first(speedup: float, finishes: str, takes: str) -> str:
    """How a policy compares with the first: finishes 40 % sooner, takes 2.2 % longer, takes as long."""
    if abs(speedup - 1) < NOT_SEEN:
        return f"{takes} as long"
    if speedup > 1:
        return f"{finishes} {share_saved(speedup)} sooner"
    longer = 100 * (1 / speedup - 1)
    return f"{takes} {percent(longer, 0 if longer >= 10 else 1)} longer".replace(" %", f"{NBSP}%")
