"""Tables in Parquet files, unpacked by a process of their own: what somebody made of one cannot harm this one."""

import json
import os
import subprocess
import sys

import pandas as pd

from core.common.validation import ScenarioError
from core.traces import parquet_process

MEMORY = 2**30  # bytes that the process may take, a quarter of them for what it is made of
SECONDS = 30  # until it is ended
FRUGAL = {"ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def unpacked(
    file: str, data: bytes, most_fields: int, most_rows: int, most_characters: int
) -> tuple[pd.DataFrame, dict[str, str]]:
    """The numbers and texts in a Parquet file, and why columns were left out, by name; moments and durations in s.

    Raises ScenarioError, naming the file, for one that is damaged, larger than that, or that asks for a gibibyte.
    """
    try:
        from pyarrow import ArrowException, ipc
    except ImportError as error:
        raise ScenarioError(f"{file}: reading Parquet needs the package pyarrow; give CSV instead.") from error
    bounds = map(str, (MEMORY, most_fields, most_rows, most_characters))
    try:
        process = subprocess.run(
            [sys.executable, "-P", parquet_process.__file__, *bounds],
            input=data,
            capture_output=True,
            env=os.environ | FRUGAL,
            timeout=SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ScenarioError(f"{file}: unpacking this Parquet file failed or takes too long; give CSV.") from error
    if process.returncode == parquet_process.REFUSED:
        raise ScenarioError(file + process.stdout.decode())
    if process.returncode:
        raise ScenarioError(
            f"{file} is not a Parquet file that can be read: it is damaged, or asks for too much memory."
        )
    try:
        table = ipc.open_stream(process.stdout).read_all()
        about = table.schema.metadata
        unpacked, in_a_second = table.to_pandas(ignore_metadata=True), json.loads(about[b"in_a_second"])
        for name, count in in_a_second.items():
            unpacked[name] /= count
        seconds = {name: f"{name} (s)" for name in in_a_second}
        return unpacked.rename(columns=seconds), json.loads(about[b"left_out"])
    except (ArrowException, ValueError, LookupError, TypeError, OverflowError) as error:
        raise ScenarioError(f"{file} is not a Parquet file that can be read: {str(error)[:200]}.") from error
