"""Files that are neither text nor Parquet: what they are, and what to give in their place."""

import re

from core.common.validation import ScenarioError
from core.traces.tables.exports import NSIGHT

SCALARS = "Export the step time of every worker from TensorBoard as CSV, one file per worker"
JAX = (
    "Let each worker time its steps, each until its collective begins, and give a table (CSV) with worker, step, "
    "compute_ms (jax.block_until_ready, or a Keras callback)."
)
BY_NAME = {
    r"\.(?:nsys-rep|qdrep|qdstrm)\Z": ("a report of Nsight Systems", NSIGHT),
    r"\.ncu-rep\Z": ("a report of Nsight Compute, which has kernels and no steps", NSIGHT),
    r"\.xplane\.pb\Z": ("a profile of JAX or TensorFlow", JAX),
    r"tfevents": ("an event file of TensorBoard", f"{SCALARS}."),
    r"\.xlsx?\Z": ("a workbook of Excel", "Save the sheet as CSV."),
    r"\.(?:npy|npz)\Z": ("an array of NumPy", 'Write it as text: numpy.savetxt("times.csv", times, delimiter=",").'),
    r"\.(?:pkl|pickle|pt|pth)\Z": ("a pickle, which is not opened, since it may run code", "Give CSV or Parquet."),
    r"\.(?:zip|tar|tgz|7z|bz2|xz|zst)\Z": ("an archive", "Unpack it and give the files in it; gzip is read as it is."),
}
BY_CONTENT = {
    b"SQLite format 3\0": ("a database of SQLite (of Nsight Systems or rocprof?)", NSIGHT),
    b"\x93NUMPY": BY_NAME[r"\.(?:npy|npz)\Z"],
    b"PK\x03\x04": ("an archive or a workbook of Excel", "Unpack it, or save the sheet as CSV."),
    b"\x28\xb5\x2f\xfd": BY_NAME[r"\.(?:zip|tar|tgz|7z|bz2|xz|zst)\Z"],
    b"BZh": BY_NAME[r"\.(?:zip|tar|tgz|7z|bz2|xz|zst)\Z"],
    b"\xfd7zXZ\0": BY_NAME[r"\.(?:zip|tar|tgz|7z|bz2|xz|zst)\Z"],
}


def refuse_binary(file: str, first: bytes) -> None:
    """ScenarioError, with what to give instead, for a file that is known by its first bytes, or by name and zeros."""
    known = next((about for start, about in BY_CONTENT.items() if first.startswith(start)), None)
    if not known and b"\0" in first.rstrip(b"\0"):
        known = next((about for name, about in BY_NAME.items() if re.search(name, file, re.IGNORECASE)), None)
    if known:
        what, instead = known
        raise ScenarioError(f"{file} is {what}. {instead}")
