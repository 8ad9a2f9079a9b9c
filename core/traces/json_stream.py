"""JSON read value by value: however long the text, one value and one piece of it are in memory."""

import json
import re
from collections.abc import Iterator
from typing import Any

from core.common.validation import ScenarioError

MAX_VALUE = 2**22  # characters of one value
MAX_VALUES = 5_000_000  # of one text: some gigabytes of a profiler's events
MAX_GAP = 2**20  # characters between two values
GAP = re.compile(r"[\s,]*")
decode = json.JSONDecoder().raw_decode


class JsonText:
    """A JSON text that comes in pieces. Raises ScenarioError, naming the file, where it is malformed or cut off."""

    def __init__(self, file: str, pieces: Iterator[str]) -> None:
        self.file, self.pieces = file, pieces
        self.text, self.at, self.values = "", 0, 0

    def members(self) -> Iterator[str]:
        """The keys of the object that comes next; whoever iterates takes each key's value before the next one."""
        self.expect("{")
        while self.peek() != "}":
            key = self.value()
            self.expect(":")
            yield key

    def elements(self) -> Iterator[Any]:
        """The values of the array that comes next, one at a time."""
        self.expect("[")
        while self.peek() != "]":
            yield self.value()
        self.at += 1

    def value(self) -> Any:
        """The next value, whole."""
        while self.peek():
            try:
                value, end = decode(self.text, self.at)
            except RecursionError:
                break
            except ValueError:
                if self.more():
                    continue
                break
            if end < len(self.text) or not self.more():  # a number may go on in the next piece
                self.at, self.values = end, self.values + 1
                if self.values > MAX_VALUES:
                    raise ScenarioError(f"{self.file} holds more than {MAX_VALUES:,} JSON values. Record fewer steps.")
                return value
        raise self.malformed()

    def peek(self) -> str:
        """The next character that is no gap, or nothing at the end."""
        passed = 0
        while passed <= MAX_GAP:
            gap = GAP.match(self.text, self.at)
            assert gap  # it may be empty
            self.at = gap.end()
            if self.at < len(self.text):
                return self.text[self.at]
            passed += len(gap[0])
            if not self.more():
                return ""
        raise self.malformed()

    def expect(self, character: str) -> None:
        """Pass over the character that must come next."""
        if self.peek() != character:
            raise self.malformed()
        self.at += 1

    def more(self) -> bool:
        """Take one more piece in and let go of what has been read; False at the end."""
        if len(self.text) - self.at > MAX_VALUE:
            raise ScenarioError(f"{self.file} holds a JSON value of more than {MAX_VALUE:,} characters.")
        piece = next(self.pieces, "")
        if piece:
            self.text, self.at = self.text[self.at :] + piece, 0
        return bool(piece)

    def malformed(self) -> ScenarioError:
        """What to raise where the text is not JSON, or ends too early."""
        return ScenarioError(f"{self.file} is not valid JSON, or cut off, after {self.values:,} values.")
