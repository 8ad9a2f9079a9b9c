"""Logs of failures as people and tools write them."""

import io

import numpy as np
import pandas as pd
import pytest

from core import ScenarioError
from core.traces.failure_logs import pasted, read_down_times

NAN = np.nan
DAY, MINUTE = 86_400_000, 60_000
MAY = pd.Timestamp("2024-05-01 10:00").timestamp() * 1000


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("start,end,worker\n10,20,0\n100,130,3\n", [(1e4, 2e4, "0"), (1e5, 1.3e5, "3")]),
        ("start (h);end (h);node\n1,5;2,25;gpu-1\n", [(5.4e6, 8.1e6, "gpu-1")]),
        ("start_h,downtime_min\n1,2\n", [(3.6e6, 3.72e6, None)]),
        ("10,20,0\n100,130,3\n", [(1e4, 2e4, "0"), (1e5, 1.3e5, "3")]),
        (
            "2024-05-01 10:00,2024-05-01 10:10,a\n2024-05-02 10:00,,b\n",
            [(MAY, MAY + 10 * MINUTE, "a"), (MAY + DAY, NAN, "b")],
        ),
        ("failed_at,downtime_s,node\n2024-05-01T10:00:00Z,300,n1\n", [(MAY, MAY + 5 * MINUTE, "n1")]),
        ("start,end,worker\n05/01/2024 10:00,05/01/2024 10:10,a\n", [(MAY, MAY + 10 * MINUTE, "a")]),
        ('{"start": 10, "end": 20, "worker": 1}\n{"start": 100, "worker": 2}\n', [(1e4, 2e4, "1"), (1e5, NAN, "2")]),
        ('[{"start": 10, "end": 20, "worker": 1}]', [(1e4, 2e4, "1")]),
        ("| start | end | worker |\n|---|---|---|\n| 10 | 20 | 1 |\n", [(1e4, 2e4, "1")]),
        ("INFO start=10 end=20 worker=1\nINFO start=100 end=120 worker=4\n", [(1e4, 2e4, "1"), (1e5, 1.2e5, "4")]),
        ("time,worker,event\n10,1,failed\n20,1,recovered\n30,2,down\n", [(1e4, 2e4, "1"), (3e4, NAN, "2")]),
        (
            "2024-05-01T10:00:00 node-3 DOWN\n2024-05-01 10:05:00 node-3 back up\n"
            "2024-05-01 10:20:00 ERROR rank 7 lost its heartbeat\n2024-05-01 10:21:00 ERROR rank 7 is unreachable\n",
            [(MAY, MAY + 5 * MINUTE, "3"), (MAY + 20 * MINUTE, NAN, "7")],
        ),
        ("timestamp,rank\n1714557600,1\n", [(MAY, NAN, "1")]),
        ("timestamp,rank\n1714557600000,1\n", [(MAY, NAN, "1")]),
    ],
)
def test_who_was_down_from_when_until_when(text, found):
    down = read_down_times(pasted(text))
    np.testing.assert_allclose(down.start_ms, [row[0] for row in found])
    np.testing.assert_allclose(down.end_ms, [row[1] for row in found])
    named = [None] * len(found) if down.worker is None else down.worker.tolist()
    assert named == [row[2] for row in found]
    assert down.left_out == 0
    assert down.notes[-1].startswith("Read: ")


def test_bad_rows_are_left_out_and_counted():
    text = "time,worker,event\n10,1,failed\nx,1,recovered\n20,1,heartbeat\n30,,failed\n40,2,crashed\n50,1,back\n"
    assert read_down_times(pasted(text)).left_out == 3
    assert read_down_times(pasted("2024-05-01 10:00 rank 3 failed\nhello\n2024-05-01 11:00 rank 3 up\n")).left_out == 1
    assert read_down_times(io.StringIO("start,end,worker\n1,0,1\n1,2,\n3,4,5\n")).left_out == 2


def test_what_is_said_of_units():
    assert "times say no unit and are taken to be in s" in read_down_times(pasted("start\n1\n2\n")).notes[-1]
    assert "times are in min" in read_down_times(pasted("start\n1\n2\n"), "min").notes[-1]
    assert read_down_times(pasted("start\n1\n2\n"), "min").start_ms.tolist() == [MINUTE, 2 * MINUTE]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "hello world\nfoo bar\n", "\0\1\2", "[1, {", "x" * 2_000_000])
def test_what_is_no_log_is_refused_in_words(text):
    with pytest.raises(ScenarioError):
        read_down_times(pasted(text))
