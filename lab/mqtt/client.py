"""The MQTT client of simulated programs."""

import contextlib
import logging
import socket
from typing import Any, cast, override

import aiomqtt
import paho.mqtt.client as paho

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

    @override
    def _on_socket_register_write(
        self, client: paho.Client, userdata: Any, sock: Any
    ) -> None:
        # aiomqtt registers also what was closed meanwhile.
        self._loop.call_soon_threadsafe(self._write_when_ready, client, sock)

    def _write_when_ready(self, client: paho.Client, sock: Any) -> None:
        if sock.fileno() >= 0:
            self._loop.add_writer(sock.fileno(), self._write, client)

    def _write(self, client: paho.Client) -> None:
        try:
            client.loop_write()
        except OSError as error:
            if not self._disconnected.done():
                self._disconnected.set_exception(error)

    def cut(self) -> None:
        """End the connection as if the process had been killed.

        The broker publishes the will; whoever uses this client gets a MqttError.
        """
        with contextlib.suppress(OSError):
            found = cast("socket.socket | None", self._client.socket())
            if found is not None:
                found.shutdown(socket.SHUT_RDWR)
