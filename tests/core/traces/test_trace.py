"""Files for other tools."""

import json

from core import Asynchronous, Scenario, simulate
from core.traces.chrome import chrome_trace


def test_chrome_trace_has_a_track_per_worker_and_every_segment():
    run = simulate(Scenario(workers=2, batches=2), compute_ms=[[30, 50], [40, 20]])
    events = json.loads(chrome_trace(run.segments()))["traceEvents"]
    names = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    assert names == {0: "W0", 1: "W1"}
    blocks = [event for event in events if event["ph"] == "X"]
    assert len(blocks) == len(run.segments())
    wait = next(event for event in blocks if event["name"] == "wait")
    assert (wait["tid"], wait["ts"], wait["dur"]) == (0, 30_000, 20_000)
    assert wait["args"] == {"batch": 0, "reason": "barrier"}
    assert all("reason" not in event["args"] for event in blocks if event["name"] != "wait")


def test_segments_csv_has_one_line_a_segment():
    segments = simulate(Scenario(policy=Asynchronous())).segments()
    lines = segments.to_csv(index=False).splitlines()
    assert lines[0] == "worker,batch,phase,reason,start_ms,end_ms"
    assert len(lines) == 1 + len(segments)
