"""What a change of a control costs the server on each page, beside a bare page: `python -m tests.benchmarks rerun`.

The bare page has as many elements of every kind as ours (widgets, tiles, charts, tables, texts, links), with nothing
behind them and without columns or other containers. Both run
in servers of their own; what is counted is the processor time of the whole server for each rerun. A slider goes to and
fro among a few values, whose answers pages with a cache have kept; beside it stands what values cost that are new.
"""

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

from tests.benchmarks.visitor import Visitor
from tests.browser.conftest import served_process
from tests.paths import ROOT

ROUNDS, MOVES, WARM = 4, 25, 12
BARE = {
    "slider": 'st.slider("Slider {n}", 0, 100, 50, key="slider{n}")',
    "number_input": 'st.number_input("Number {n}", 0, 100, 50, key="number{n}")',
    "selectbox": 'st.selectbox("Choice {n}", ["a", "b", "c"], key="choice{n}")',
    "radio": 'st.radio("Radio {n}", ["a", "b", "c"], key="radio{n}")',
    "multiselect": 'st.multiselect("Several {n}", ["a", "b", "c"], ["a"], key="several{n}")',
    "checkbox": 'st.toggle("Switch {n}", key="switch{n}")',
    "text_input": 'st.text_input("Text {n}", key="text{n}")',
    "button": 'st.button("Button {n}", key="button{n}")',
    "button_group": 'st.segmented_control("Pills {n}", ["a", "b"], key="pills{n}")',
    "menu_button": 'st.menu_button("Menu {n}", ["a", "b"], key="menu{n}")',
    "download_button": 'st.download_button("File {n}", lambda: "text", "file.txt", key="file{n}")',
    "file_uploader": 'st.file_uploader("Files {n}", key="files{n}")',
    "metric": 'st.metric("Tile {n}", "1 s", "2 s")',
    "vega_lite_chart": "st.vega_lite_chart(FRAME, SPEC, key='chart{n}')",
    "dataframe": "st.dataframe(FRAME)",
    "text": 'st.text("some text")',
    "markdown": 'st.markdown("some *text*")',
    "heading": 'st.subheader("Heading")',
    "html": 'st.html("<b>text</b>")',
    "alert": 'st.info("text")',
    "table": "st.table(FRAME)",
    "text_area": 'st.text_area("Area {n}", key="area{n}")',
    "page_link": 'st.page_link("https://example.org", label="Page {n}")',
    "bidi_component": 'COMPONENT(key="component{n}")',
    "empty": "st.empty()",
}
HEAD = """
import pandas as pd
import streamlit as st
FRAME = pd.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]})
SPEC = {"mark": "bar", "encoding": {"x": {"field": "x", "type": "quantitative"},
                                    "y": {"field": "y", "type": "quantitative"}}}
st.set_page_config(layout="wide")
COMPONENT = st.components.v2.component("bare", html="<b>text</b>")
st.slider("Slider", 0, 100, 50, key="moved")
"""
NOTHING = ""  # is moved on pages that have no slider: they run again as they are
PAGES = {
    "timeline": ("mode=sync", "workers"),
    "compare": ("", "workers"),
    "learning": ("problem=quadratic&train_seeds=2", "batch_ms"),
    "trace": ("", NOTHING),
    "map": ("", "batch_ms"),
    "method": ("", NOTHING),
    "gallery": ("", NOTHING),
}
VALUES = {
    "workers": (4, 5, 6, 7, 8),
    "batch_ms": (400.0, 450.0, 500.0, 550.0, 600.0),
    "moved": (40, 45, 50, 55, 60),
    NOTHING: (0,),
}
NEW = {"workers": range(9, 9 + MOVES), "batch_ms": [650.0 + 50 * i for i in range(MOVES)], NOTHING: range(MOVES)}


def cpu_seconds(process) -> float:
    """Processor time of a process and all of its threads so far (Linux)."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def moved(me: Visitor, key: str, values) -> None:
    """Move one slider to one value after the other, or have the page run again as often."""
    for value in values:
        await me.look(**({key: value} if key else {}))


async def cost_ms(me: Visitor, process, key: str, values) -> float:
    """Processor time of a rerun, ms."""
    before = cpu_seconds(process)
    await moved(me, key, values)
    return 1000 * (cpu_seconds(process) - before) / len(values)


def bare_page(elements) -> str:
    """A script that draws as many elements of each type that counts, less the slider that is moved."""
    if unknown := set(elements) - set(BARE):
        raise AssertionError(f"How a bare page draws {unknown} is not known.")
    lines = [HEAD]
    for kind, text in BARE.items():
        count = elements[kind] - (kind == "slider")
        lines += [text.format(n=number) for number in range(count)]
    return "\n".join(lines)


async def measure(page: str, query: str, key: str, ours, folder: Path) -> tuple[float, float, float]:
    """Least cost of a rerun of our page and of its bare page, by turns; and of our page with values that are new."""
    address, process = ours
    async with Visitor(address, page if page != "timeline" else "", query) as me:
        await me.look()
        await moved(me, key, to_and_fro(key, WARM))
        (folder / "streamlit_app.py").write_text(bare_page(me.elements))
        shutil.copytree(ROOT / ".streamlit", folder / ".streamlit", dirs_exist_ok=True)
        with served_process(folder) as (bare_address, bare_process):
            async with Visitor(bare_address) as other:
                await other.look()
                await moved(other, "moved", to_and_fro("moved", WARM))
                mine, bare = [], []
                for _ in range(ROUNDS):
                    mine.append(await cost_ms(me, process, key, to_and_fro(key, MOVES)))
                    bare.append(await cost_ms(other, bare_process, "moved", to_and_fro("moved", MOVES)))
        return min(mine), min(bare), await cost_ms(me, process, key, NEW[key])


def to_and_fro(key: str, moves: int) -> list:
    """So many values, a few that come again and again."""
    return [VALUES[key][i % len(VALUES[key])] for i in range(moves)]


def main(pages: list[str]) -> None:
    """Every page, or those that are named."""
    with served_process(ROOT) as ours, tempfile.TemporaryDirectory() as folder:
        for page, (query, key) in PAGES.items():
            if pages and page not in pages:
                continue
            mine, bare, new = asyncio.run(measure(page, query, key, ours, Path(folder)))
            print(
                f"{page:10} {mine:6.1f} ms a rerun, a bare page {bare:5.1f} ms, ratio {mine / bare:.2f}; "
                f"new values {new:.1f} ms",
                flush=True,
            )
