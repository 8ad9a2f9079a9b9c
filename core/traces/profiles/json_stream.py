"""JSON read value by value: however long the text, one value and one piece of it are in memory.

Profilers write names as they find them, and crash in the middle of a file. So line ends and control characters in
texts are taken, escapes that JSON does not know are texts, commas may be missing or too many, what cannot be read in an
array is passed over up to its next event and counted, and a text that ends early ends there.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from core.common.validation import ScenarioError
from core.traces.files import DamagedFileError

MAX_VALUE = 2**22  # characters of one value
MAX_VALUES = 5_000_000  # of one text: some gigabytes of a profiler's events
MAX_GAP = 2**20  # characters between two values
GAP = re.compile(r"[\s,]*")
ESCAPE = re.compile(r'(\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}|(?:u[0-9a-fA-F]{0,3})?\Z))|\\')
NEXT_EVENT = re.compile(r'\}[\s,]*(?=\{\s*"(?:ph|name|cat|pid|tid|ts|dur|id|args)"\s*:)')
LONGEST_WORD = 16  # characters of a number or a word that may be cut in two
decode = json.JSONDecoder(strict=False).raw_decode


class MalformedError(ScenarioError):
    """What comes next is not JSON."""


class JsonText:
    """A JSON text that comes in pieces.

    Attributes:
        values: how many were read.
        passed_over: how many elements of arrays could not be read.
        cut_off: whether the text ends before it is complete.

    Raises ScenarioError, naming the file, where nothing can be made of it.

    """

    def __init__(self, file: str, pieces: Iterator[str]) -> None:
        self.file, self.pieces = file, pieces
        self.text, self.at = "", 0
        self.values, self.passed_over, self.cut_off = 0, 0, False

    def members(self) -> Iterator[str]:
        """The keys of the object that comes next; whoever iterates takes each key's value before the next one."""
        self.expect("{")
        while self.comes_before("}"):
            key = self.value()
            self.expect(":")
            yield key

    def elements(self) -> Iterator[Any]:
        """The values of the array that comes next, one at a time."""
        self.expect("[")
        while self.comes_before("]"):
            try:
                value = self.value()
            except MalformedError:
                self.pass_over()
            else:
                yield value
        self.at += 1

    def comes_before(self, end: str) -> bool:
        """Whether something comes before the end of an array or an object; a text may end without it."""
        following = self.peek()
        self.cut_off = self.cut_off or not following
        return following not in ("", end)

    def pass_over(self) -> None:
        """Go on to the next event, or to the end."""
        self.at += 1
        while not (found := NEXT_EVENT.search(self.text, self.at)):
            self.at = max(self.at, len(self.text) - 1_000)
            if not self.more():
                self.at, self.cut_off = len(self.text), True
                return
        self.at = found.end()
        self.passed_over += 1

    def value(self) -> Any:
        """The next value, whole."""
        while self.peek():
            try:
                value, end = decode(self.text, self.at)
            except RecursionError:
                break
            except json.JSONDecodeError as error:
                if "escape" in error.msg and self.mend_escapes():
                    continue
                may_go_on = "Unterminated" in error.msg or error.pos > len(self.text) - LONGEST_WORD
                if may_go_on and self.more():
                    continue
                break
            except ValueError:  # a whole number of thousands of digits
                break
            if end < len(self.text) or not self.more():  # a number may go on in the next piece
                self.at, self.values = end, self.values + 1
                if self.values > MAX_VALUES:
                    raise ScenarioError(f"{self.file} holds more than {MAX_VALUES:,} JSON values. Record fewer steps.")
                return value
        raise self.malformed()

    def mend_escapes(self) -> bool:
        r"""Make \c of torch\cuda a text of two characters, in all that is there; False where nothing was to mend."""
        mended = ESCAPE.sub(lambda found: found[1] or r"\\", self.text[self.at :])
        changed = len(mended) > len(self.text) - self.at
        self.text, self.at = mended, 0
        return changed or self.more()

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
        try:
            piece = next(self.pieces, "")
        except DamagedFileError:
            self.cut_off, piece = True, ""
        if piece:
            self.text, self.at = self.text[self.at :] + piece, 0
        return bool(piece)

    def malformed(self) -> MalformedError:
        """What to raise where the text is not JSON, or ends too early."""
        return MalformedError(f"{self.file} is not valid JSON, or cut off, after {self.values:,} values.")
