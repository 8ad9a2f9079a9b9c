"""Segments written as a file that trace viewers open."""

import json

import pandas as pd


def chrome_trace(segments: pd.DataFrame, name: str = "Simulated epoch") -> str:
    """Chrome trace-event JSON of a run's segments: one track a worker; opens in Perfetto and chrome://tracing.

    Times are µs, as the format wants (Trace Event Format, complete events "X").
    """
    events = [{"ph": "M", "name": "process_name", "pid": 0, "args": {"name": name}}]
    for worker in segments["worker"].unique().tolist():
        track = {"ph": "M", "pid": 0, "tid": worker}
        events.append({**track, "name": "thread_name", "args": {"name": f"W{worker}"}})
        events.append({**track, "name": "thread_sort_index", "args": {"sort_index": worker}})
    for row in segments.itertuples(index=False):
        args = {"batch": row.batch} | ({"reason": row.reason} if row.reason else {})
        start, duration = row.start_ms * 1000, (row.end_ms - row.start_ms) * 1000
        block = {"ph": "X", "name": row.phase, "cat": row.phase, "ts": start, "dur": duration}
        events.append({**block, "pid": 0, "tid": row.worker, "args": args})
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms"})
