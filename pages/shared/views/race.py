"""Epochs that play together in the browser alone: workers fill up, barriers close, one crosses the line first."""

from typing import Any

import streamlit as st

from core.charts import PHASE_COLORS
from core.report.timeline_data import PHASE_ORDER

HTML = """
<div class="lanes" role="img" aria-label="Epochs that play together"></div>
<div class="controls">
  <button type="button" aria-label="Play the race">▶ Play</button>
  <input type="range" min="0" max="1000" value="1000" aria-label="Time in the race">
  <output></output>
</div>
"""
CSS = """
.lane {margin-bottom: 0.6rem; font-size: 0.9rem; color: var(--st-text-color)}
.lane b {font-weight: 600} .lane span {color: var(--st-text-color)} .lane .won {color: var(--st-primary-color)}
canvas {display: block; width: 100%; margin-top: 0.2rem}
.controls {display: flex; align-items: center; gap: 0.75rem; color: var(--st-text-color)}
button {
  font: inherit; color: var(--st-text-color); background: var(--st-background-color); cursor: pointer;
  border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius); padding: 0.3rem 0.75rem;
  min-width: 6rem; min-height: 2.5rem;
}
button:hover, button:focus-visible {border-color: var(--st-primary-color)}
input {flex: 1; accent-color: var(--st-primary-color); min-width: 4rem} output {min-width: 5rem; text-align: right}
"""
JS = """
const SECONDS = 6;
export default function({data, parentElement}) {
  const root = parentElement.querySelector(".lanes");
  if (root.shown === data.id) return;
  root.shown = data.id;
  cancelAnimationFrame(root.frame);
  const button = parentElement.querySelector("button");
  const range = parentElement.querySelector("input");
  const output = parentElement.querySelector("output");
  root.setAttribute("aria-label", data.words);
  root.textContent = "";
  const lanes = data.lanes.map(lane => {
    const div = document.createElement("div"), title = document.createElement("b");
    const said = document.createElement("span"), canvas = document.createElement("canvas");
    div.className = "lane";
    title.textContent = lane.title;
    div.append(title, " ", said, canvas);
    root.append(div);
    return {...lane, said, canvas};
  });
  const draw = clock => {
    const style = getComputedStyle(root), text = style.color;
    const halo = style.getPropertyValue("--st-background-color");
    for (const lane of lanes) {
      const width = root.clientWidth || 600, dots = window.devicePixelRatio || 1;
      const row = Math.max(2, Math.min(14, 160 / lane.rows)), height = row * lane.rows;
      lane.canvas.style.height = height + "px";
      lane.canvas.width = width * dots;
      lane.canvas.height = height * dots;
      const pen = lane.canvas.getContext("2d");
      pen.scale(dots, dots);
      const x = at => width * at / data.steps;
      for (let i = 0; i < lane.start.length; i++) {
        if (lane.start[i] >= clock) continue;
        const until = Math.min(lane.end[i], clock);
        pen.fillStyle = data.colors[lane.phase[i]];
        pen.fillRect(x(lane.start[i]), row * lane.row[i], Math.max(0.5, x(until) - x(lane.start[i])), row * 0.8);
      }
      for (let i = 0; i < lane.failed.length; i++) {
        if (lane.failed[i] > clock) continue;
        const at = Math.max(5, x(lane.failed[i])), middle = row * (lane.failed_row[i] + 0.4);
        pen.beginPath();
        for (const slope of [-1, 1]) {
          pen.moveTo(at - 4, middle - 4 * slope);
          pen.lineTo(at + 4, middle + 4 * slope);
        }
        for (const [ink, width] of [[halo, 4], [text, 1.5]]) {
          pen.strokeStyle = ink;
          pen.lineWidth = width;
          pen.stroke();
        }
      }
      pen.fillStyle = "#8A9099";
      for (const at of lane.barriers) if (at <= clock) pen.fillRect(x(at), 0, 1, height);
      const done = clock >= lane.epoch;
      if (done) pen.fillRect(Math.min(width - 2, x(lane.epoch)), 0, 2, height);
      lane.said.textContent = done ? data.whose + "finished after " + lane.time : "";
      lane.said.className = done && lane.first ? "won" : "";
    }
    range.value = 1000 * clock / data.steps;
    output.textContent = (data.until * clock / data.steps).toPrecision(3) + " " + data.unit;
  };
  let playing = false, began = 0, from = 0;
  const name = () => {
    button.textContent = playing ? "❚❚ Pause" : "▶ Play";
    button.setAttribute("aria-label", playing ? "Pause the race" : "Play the race");
  };
  const step = now => {
    const clock = Math.min(data.steps, from + data.steps * Math.max(0, now - began) / 1000 / SECONDS);
    draw(clock);
    playing = playing && clock < data.steps;
    if (playing) root.frame = requestAnimationFrame(step); else name();
  };
  const play = clock => {
    playing = true; from = clock; began = performance.now(); name();
    root.frame = requestAnimationFrame(step);
  };
  const pause = () => { playing = false; cancelAnimationFrame(root.frame); name(); };
  button.onclick = () => {
    const clock = data.steps * range.value / 1000;
    if (playing) pause(); else play(clock >= data.steps ? 0 : clock);
  };
  range.oninput = () => { pause(); draw(data.steps * range.value / 1000); };
  name();
  draw(data.steps);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (still || sessionStorage.getItem("race") || !("IntersectionObserver" in window)) return;
  const seen = new IntersectionObserver(entries => {
    if (!entries.some(entry => entry.isIntersecting)) return;
    seen.disconnect();
    if (sessionStorage.getItem("race")) return;
    sessionStorage.setItem("race", "played");
    play(0);
  }, {threshold: 0.6});
  seen.observe(root);
}
"""
component = st.components.v2.component("race", html=HTML, css=CSS, js=JS)


def race(data: dict[str, Any] | None, key: str) -> None:
    """The epochs, to play, pause and scrub; once, on a first visit, they play by themselves when they are in sight."""
    if data:
        which = {1: "the epoch from start to end", 2: "both epochs at the same pace"}
        with st.container(key="watch"):
            st.caption(f"Watch it happen: {which.get(len(data['lanes']), 'all epochs at the same pace')}.")
            component(key=key, data=data | {"colors": [PHASE_COLORS[phase] for phase in PHASE_ORDER]})
