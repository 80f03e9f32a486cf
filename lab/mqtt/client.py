"""The MQTT client of simulated programs."""

import contextlib
import logging
import socket
from typing import Any, cast

import aiomqtt

# Nagle's algorithm holds every second small message back for 40 ms.
_AT_ONCE = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]

# A connection that breaks is what the lab is there for.
_LOGGER = logging.getLogger(__name__)
_LOGGER.setLevel(logging.CRITICAL)


class Client(aiomqtt.Client):
    """A client that sends at once, and that can die without a word."""

    def __init__(self, *given: Any, **options: Any) -> None:
        options = {"socket_options": _AT_ONCE, "logger": _LOGGER, **options}
        super().__init__(*given, **options)

    def cut(self) -> None:
        """End the connection as if the process had been killed.

        The broker publishes the will; whoever uses this client gets a MqttError.
        """
        with contextlib.suppress(OSError):
            found = cast("socket.socket | None", self._client.socket())
            if found is not None:
                found.shutdown(socket.SHUT_RDWR)
