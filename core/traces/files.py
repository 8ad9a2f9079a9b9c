"""Measured files as they come: paths or uploads, plain or gzip, read piece by piece within a budget."""

import codecs
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import IO

import pandas as pd

from core.common.validation import ScenarioError, shown
from core.traces.trace import Column

PIECE, PACKED = 2**20, 2**16
MAX_BYTES = 2**31  # of all files of one call, decompressed
GZIP = b"\x1f\x8b"
File = str | os.PathLike | IO[bytes]
"""A path, or a binary file that is open."""
RANK_IN_NAME = re.compile(r"(?<!local)(?<!local[ _.-])(?:rank|worker)[ _.-]?(\d{1,6})", re.IGNORECASE)


class DamagedFileError(ScenarioError):
    """A file that ends too early, or is not what it says it is; what came before is good."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a file says of itself."""

    rank: int | None
    process: str
    """What its handler calls the worker, or nothing."""
    world_size: int | None
    backend: str
    groups: tuple[tuple[str, tuple[int, ...], int], ...]
    """Process groups smaller than the job: name, ranks where known, size."""
    collectives: float
    """In a step."""
    loader_percent: float
    """Of the time in which the device has nothing to run."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What one file holds."""

    file: str
    table: pd.DataFrame
    """step, compute_ms, and where they are known epoch (in which steps begin again), worker, stage (of a pipeline),
    wait_ms and comm_ms (with the waiting, if wait_ms is not)."""
    rank: int | str | None = None
    """The worker that the file says it is about."""
    origin: Origin | None = None
    """What a profiler trace says of itself."""
    whole_steps: bool = False
    """Whether compute_ms are times of whole steps, in which a barrier may hide."""
    notes: list[str] = field(default_factory=list)
    left_out: str = ""
    """Which rows were left out and why, in a sentence; empty where all were taken."""
    columns: tuple[Column, ...] = ()
    """What each column of a table was taken for."""
    local: bool = False
    """Whether its workers are called by their place in a node alone, as gpu 0 is."""
    world_size: int | None = None
    """How many ranks the job has, where a table says so."""


class Budget:
    """How many bytes may still be read."""

    def __init__(self, size: int) -> None:
        self.left = size

    def take(self, file: str, size: int) -> None:
        """ScenarioError when the budget does not allow so many more."""
        self.left -= size
        if self.left < 0:
            raise ScenarioError(
                f"{file}: the files hold more than {MAX_BYTES / 2**30:g} GiB (decompressed). Record fewer steps, "
                "or without stacks and shapes."
            )


def pieces(file: File, budget: Budget) -> Iterator[bytes]:
    """The bytes of a path or an open binary file from its beginning, decompressed, about 1 MiB at a time.

    Raises ScenarioError, naming the file, when it cannot be read, is damaged, or passes the budget.
    """
    name = file_name(file)
    try:
        with open(file, "rb") if isinstance(file, str | os.PathLike) else nullcontext(file) as raw:
            raw.seek(0)
            packed = raw.read(2) == GZIP
            raw.seek(0)
            for piece in unzipped(raw) if packed else iter(lambda: raw.read(PIECE), b""):
                if not isinstance(piece, bytes):
                    raise TypeError("it was not opened in binary mode")
                budget.take(name, len(piece))
                yield piece
    except ScenarioError:
        raise
    except (OSError, EOFError, zlib.error, AttributeError, TypeError, ValueError) as error:
        if isinstance(error, FileNotFoundError):
            path = str(file)[:200].encode(errors="replace").decode()
            raise ScenarioError(f"{path} cannot be read: there is no such file.") from error
        why = getattr(error, "strerror", None) or error
        raise DamagedFileError(f"{name} cannot be read, it may be damaged or cut off: {str(why)[:200]}.") from error


def as_utf8(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same text in UTF-8, where it is UTF-16 or UTF-32; all else as it is."""
    first = next(pieces, b"")
    encoding = wide_encoding(first)
    if not encoding:
        yield first
        yield from pieces
        return
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    yield decoder.decode(first).encode()
    for piece in pieces:
        yield decoder.decode(piece).encode()


def wide_encoding(first: bytes) -> str:
    """The encoding of a text with two or four bytes a character: by its first bytes, or by where its zeros are."""
    if first.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    zeros = [not byte for byte in first[:64]]
    if len(zeros) >= 8 and all(zeros[1::2]) and not any(zeros[::2]):
        return "utf-16-le"
    return "utf-16-be" if len(zeros) >= 8 and all(zeros[::2]) and not any(zeros[1::2]) else ""


def unzipped(raw: IO[bytes]) -> Iterator[bytes]:
    """The members of a gzip file, decompressed: as `gzip` reads them, in half the time."""
    packed = raw.read(PACKED)
    while packed:
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            piece = member.decompress(packed, PIECE)
            packed = member.unused_data or member.unconsumed_tail or raw.read(PACKED)
            if piece:
                yield piece
            elif not packed and not member.eof:
                raise EOFError("it ends before its end marker")
        while packed and not (packed := packed.lstrip(b"\0")):  # padding
            packed = raw.read(PACKED)


def file_name(file: File) -> str:
    """The name of a path or an open file, as it may stand in a message."""
    name = file if isinstance(file, str | os.PathLike) else getattr(file, "name", shown(file))
    return PurePath(str(name)).name[:100].strip() or shown(file)


def rank_in(name: str) -> int | None:
    """The worker's number in a file name such as rank3.json.gz, or None."""
    found = RANK_IN_NAME.search(name)
    return int(found[1]) if found else None
