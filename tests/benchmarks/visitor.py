"""One browser tab without the browser: it speaks Streamlit's protocol over a websocket of this machine."""

import asyncio
import time
from collections import Counter

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

SECONDS = 180  # to wait for an answer at the most
DONE = ForwardMsg.ScriptFinishedStatus.FINISHED_SUCCESSFULLY  # and not early, for another run


class Visitor:
    """Opens a page, changes its controls, and knows what was drawn last."""

    def __init__(self, address: str, page: str = "", query: str = ""):
        self.address = address.replace("http", "ws") + "/_stcore/stream"
        self.page, self.page_hash, self.query = page, "", query
        self.widgets: dict[str, str] = {}
        """The id of each widget, by its key."""
        self.elements: Counter[str] = Counter()
        """How many elements of each type the last run drew."""
        self.headline = ""

    async def __aenter__(self):
        self.socket = await websockets.connect(self.address, max_size=2**26, open_timeout=SECONDS, ping_interval=None)
        return self

    async def __aexit__(self, *error):
        await self.socket.close()

    async def look(self, **moved: float) -> float:
        """Open the page, or move sliders by their keys; seconds until the script has finished."""
        message = BackMsg()
        message.rerun_script.query_string = self.query
        message.rerun_script.page_script_hash = self.page_hash
        message.rerun_script.page_name = "" if self.page_hash else self.page
        for key, value in moved.items():
            state = message.rerun_script.widget_states.widgets.add()
            state.id = self.widgets[key]
            state.double_array_value.data.append(value)
        before, start = self.page_hash, time.perf_counter()
        await self.socket.send(message.SerializeToString())
        while True:
            answer = ForwardMsg()
            answer.ParseFromString(await asyncio.wait_for(self.socket.recv(), SECONDS))
            self.take(answer)
            if answer.HasField("script_finished") and answer.script_finished == DONE:
                if before not in ("", self.page_hash):
                    raise AssertionError(f"A visitor to {self.page or 'the start'} came to another page.")
                return time.perf_counter() - start

    def take(self, answer: ForwardMsg) -> None:
        """Note what a message draws."""
        if answer.HasField("new_session"):
            self.elements.clear()
        if answer.HasField("navigation"):
            self.page_hash = answer.navigation.page_script_hash
        if answer.HasField("page_info_changed"):
            self.query = answer.page_info_changed.query_string
        element = answer.delta.new_element
        kind = element.WhichOneof("type")
        if kind is None:
            return
        self.elements[kind] += 1
        widget = getattr(getattr(element, kind), "id", "")
        self.widgets[widget.rpartition("-")[2]] = widget
        if element.heading.tag == "h2":
            self.headline = element.heading.body
        if kind == "exception":
            raise AssertionError(element.exception.message)
