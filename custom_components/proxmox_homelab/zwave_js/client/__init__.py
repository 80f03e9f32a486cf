"""The clients: the websocket of the server, and the web side of zwave-js-ui."""

from .connection import Connection
from .ui import UiClient

__all__ = ["Connection", "UiClient"]
