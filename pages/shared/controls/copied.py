"""Buttons that copy on the click: a link to what is shown, and the text of a summary.

Streamlit's code block can be copied too, but brings a highlighter of 1.5 MB, and a quarter of a second, to every visit.
"""

import streamlit as st

from pages.shared.controls import values
from pages.shared.controls.url import link

HTML = '<button type="button">Copy</button><output></output><textarea readonly hidden></textarea>'
CSS = """
button {
  font: inherit; font-size: 0.875rem; color: var(--st-text-color); background: var(--st-background-color);
  cursor: pointer;
  border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius);
  padding: 0.4rem 0.75rem; min-height: 2.5rem; width: 100%;
}
button:hover, button:focus-visible {border-color: var(--st-primary-color); color: var(--st-primary-color)}
output {display: block; font-size: 0.875rem; margin-top: 0.25rem; color: var(--st-text-color)}
output:empty {display: none}
textarea {
  font: inherit; font-size: 0.875rem; width: 100%; box-sizing: border-box; color: var(--st-text-color);
  background: var(--st-secondary-background-color); border: 1px solid var(--st-border-color); padding: 0.3rem;
}
"""
JS = """
export default function({data, parentElement}) {
  const button = parentElement.querySelector("button");
  const said = parentElement.querySelector("output");
  const field = parentElement.querySelector("textarea");
  if (field.value !== data.text) { said.textContent = ""; field.hidden = true; }
  field.value = data.text;
  button.textContent = data.label;
  field.setAttribute("aria-label", data.label);
  const byHand = () => { field.hidden = false; field.select(); return document.execCommand("copy"); };
  button.onclick = async () => {
    let copied = true;
    try { await navigator.clipboard.writeText(data.text); } catch { copied = byHand(); }
    if (copied) field.hidden = true;
    said.textContent = copied ? data.copied : "Your browser does not allow it: copy the selected text.";
  };
}
"""
component = st.components.v2.component("copy", html=HTML, css=CSS, js=JS)


def copy_link() -> None:
    """The button, and what the link opens."""
    stays = values.value("times") == "trace"
    copied = (
        "Copied. Your trace stays in this session: the link has a distribution fitted to it, so its figures differ."
        if stays
        else "Copied. It opens the same numbers on any machine."
    )
    component(key="copy_link", data={"label": "Copy link", "text": link(), "copied": copied})


def shown(text: str, label: str = "Copy summary") -> None:
    """A text to paste elsewhere, and the button that copies it."""
    st.text(text)
    component(key=label, data={"label": label, "text": text, "copied": "Copied."})
