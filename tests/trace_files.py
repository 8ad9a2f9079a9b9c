"""Measured files made by hand."""

import io
import json

LONG = "worker,step,compute_ms\n0,1,10\n1,1,20\n0,2,30\n1,2,40\n"


class Upload(io.BytesIO):
    """A file with a name, as an upload comes."""

    def __init__(self, name, content):
        super().__init__(content if isinstance(content, bytes) else content.encode())
        self.name = name


def span(name, start_ms, end_ms, cat="user_annotation"):
    return {"ph": "X", "cat": cat, "name": name, "ts": 1000 * start_ms, "dur": 1000 * (end_ms - start_ms)}


def kineto(events, rank=None, name="trace.json", **about):
    """A profiler trace with these events, as an upload."""
    info = {"distributedInfo": {"rank": rank, **about}} if rank is not None else {}
    return Upload(name, json.dumps({"schemaVersion": 1, **info, "traceEvents": events, "traceName": name}))


def gloo_rank(rank, collective_from, **options):
    """Steps 5, 6, … of 100 ms each, whose all-reduce starts at the given times and ends with the step."""
    events = [{"ph": "M", "name": "process_name", "ts": 0, "args": {"name": "python"}}]
    for i, start in enumerate(collective_from):
        events.append(span(f"ProfilerStep#{5 + i}", 100 * i, 100 * (i + 1)))
        events.append(span("gloo:all_reduce", 100 * i + start, 100 * (i + 1)))
    return kineto(events, rank, **options)
