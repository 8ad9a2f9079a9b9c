"""Pages driven in process by Streamlit's AppTest."""

from importlib import import_module
from pkgutil import walk_packages

import pytest
import streamlit as st
import streamlit.testing.v1.local_script_runner as runner
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.testing.v1 import AppTest

import pages.shared
from tests.links import parameters
from tests.paths import ROOT
from tests.sampled import SAMPLED

PAGES = {
    "timeline": "pages/timeline.py",
    "compare": "pages/compare.py",
    "map": "pages/map.py",
    "learning": "pages/learning.py",
    "trace": "pages/trace.py",
    "method": "pages/method.py",
    "gallery": "pages/gallery.py",
}


@pytest.fixture(autouse=True, scope="session")
def every_room_is_open():
    """A room first opened while a test has patched another would keep what it took from there."""
    for module in walk_packages(pages.shared.__path__, "pages.shared."):
        import_module(module.name)


@pytest.fixture(autouse=True, scope="session")
def checks_are_sampled_once():
    """Method checks the simulator against theory at every visit with an empty cache: the same runs each time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pages.shared.answers.checked_table.CHECKS", SAMPLED)
        yield


@pytest.fixture(autouse=True, scope="session")
def no_components_are_looked_for():
    """AppTest would read the metadata of all packages at every run, for components of which there are none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streamlit.components.v2.manifest_scanner.scan_component_manifests", lambda *_, **__: [])
        yield


@pytest.fixture(autouse=True, scope="session")
def nobody_looks_a_thousand_times_a_second():
    """AppTest looks every millisecond whether the script has ended, which takes time from it."""
    with pytest.MonkeyPatch.context() as patch:
        look = runner.require_widgets_deltas
        patch.setattr(
            runner, "require_widgets_deltas", lambda one, timeout: one._script_thread.join(timeout) or look(one)
        )
        yield


@pytest.fixture(autouse=True, scope="session")
def scripts_are_compiled_once():
    """A server compiles each page once; AppTest would at every run."""
    with pytest.MonkeyPatch.context() as patch:
        compiled = ScriptCache().get_bytecode
        patch.setattr(ScriptCache, "get_bytecode", lambda _, path: compiled(path))
        yield


@pytest.fixture
def open_page():
    """Open a page with the given URL parameters, or the bare address, in a fresh session and with an empty cache."""
    st.cache_data.clear()

    def opened(page="timeline", **params):
        app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=300)
        if page not in ("timeline", "bare address"):
            app.query_params.update(params)
            return app.switch_page(PAGES[page]).run()
        app.query_params.update(params or ({"mode": "sync"} if page == "timeline" else {}))
        return app.run()

    return opened


@pytest.fixture
def open_link():
    """Open a page by a link's query, as a server splits it, in a fresh session and with an empty cache."""
    st.cache_data.clear()
    return opened_link


def opened_link(page, query):
    """A page as a link opens it: there at once, not by way of another page."""
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=300)
    app.query_params.update(parameters(query))
    return app.switch_page(PAGES[page]).run()
