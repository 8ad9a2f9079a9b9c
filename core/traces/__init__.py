"""Measured runs: read from files, diagnosed, and replayed under other policies."""

from core.traces.diagnosis import Diagnosis, diagnose
from core.traces.reading import read_trace, sample_files
from core.traces.remedies import Remedy, what_if, what_if_table
from core.traces.trace import Trace

__all__ = ["Diagnosis", "Remedy", "Trace", "diagnose", "read_trace", "sample_files", "what_if", "what_if_table"]
