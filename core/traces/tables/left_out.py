"""Rows of a file that were not taken: one bad row is no reason to refuse the others."""

from dataclasses import dataclass, field

from core.common.wording import counted

MOST_KINDS = 3


@dataclass
class LeftOut:
    """How many rows of a file were left out, and why: of each kind the first."""

    kinds: dict[str, tuple[int, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """What else is to be said about how the file was read."""

    headings: int = 0
    """How often the headings came again among the rows."""

    def add(self, rows: int, kind: str, first: str) -> None:
        """Count rows that were left out for one kind of reason; `first` says what was wrong with the first."""
        known, words = self.kinds.get(kind, (0, first))
        if rows:
            self.kinds[kind] = known + rows, words

    @property
    def rows(self) -> int:
        """How many rows were left out."""
        return sum(rows for rows, _ in self.kinds.values())

    def reasons(self) -> str:
        """What was wrong, the most frequent kind first."""
        most = [words for _, words in sorted(self.kinds.values(), key=lambda each: -each[0])]
        return "; ".join(most[:MOST_KINDS])

    def note(self, file: str) -> str:
        """A sentence for the notes of a trace."""
        first = "" if self.rows == 1 else "for example "
        was = "was" if self.rows == 1 else "were"
        return f"{file}: {counted(self.rows, 'row')} {was} left out: {first}{self.reasons()}."
