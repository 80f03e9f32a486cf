"""One connection to a broker: opened once, and nothing is left of it afterwards."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
import logging
import secrets
import ssl
from typing import Any, Final, override

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
import paho.mqtt.client as paho
from paho.mqtt.reasoncodes import ReasonCode

from ..errors import (
    AuthenticationError,
    CannotConnectError,
    CertificateError,
    HomelabError,
    ProtocolError,
    RequestTimeoutError,
)

_LOGGER = logging.getLogger(__name__)

# aiomqtt logs what the one who called it is told anyway.
_QUIET = logging.getLogger(f"{__name__}.aiomqtt")
_QUIET.setLevel(logging.CRITICAL)

# Seconds without a word, after which the broker is asked for one; half as much again
# and the connection counts as dead.
KEEPALIVE: Final = 20
# How often it is looked whether it is time for that: short of the half that a broker
# allows on top.
KEEPALIVE_CHECK: Final = 5.0
# A burst of retained messages of some big bridges fits; more is lost and said so.
_QUEUE: Final = 5000

# Reason codes of MQTT 5, into which paho also puts the refusals of MQTT 3.
_REFUSED: Final = frozenset({134, 135, 138, 140})
_SERVER_BUSY: Final = frozenset({136, 137})


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a broker is, and how it is signed in to.

    tls: the context for an encrypted connection, None for a plain one.
    timeout: seconds that the broker gets for an answer.
    """

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    timeout: float = 10.0

    def __str__(self) -> str:
        """Return the form that can be typed again."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Connection(aiomqtt.Client):
    """A client of aiomqtt for one connection.

    aiomqtt 2.5.1 leaves the socket, its reader and a task behind when a connect runs
    into its time-out, waits for the time-out when the broker hangs up instead of
    answering, must not be cancelled while it connects, and writes to a socket that was
    closed meanwhile. This class ends all four; it reaches into the base for that, which
    the exact pin of the version allows.
    """

    def __init__(self, address: Address) -> None:
        """Prepare; nothing is sent yet."""
        super().__init__(
            address.host,
            address.port,
            username=address.username,
            password=address.password,
            tls_context=address.tls,
            timeout=address.timeout,
            keepalive=KEEPALIVE,
            # Two clients of one name throw each other out for ever.
            identifier=f"proxmox-homelab-{secrets.token_hex(6)}",
            max_queued_incoming_messages=_QUEUE,
            logger=_QUIET,
        )

    async def open(self) -> None:
        """Connect and sign in; raise a `HomelabError`."""
        try:
            await self.__aenter__()
        except aiomqtt.MqttError as err:
            self._drop()
            raise _translated(err) from err

    async def close(self) -> None:
        """Say goodbye, if the broker still listens."""
        try:
            await self.__aexit__(None, None, None)
        except aiomqtt.MqttError as err:
            _LOGGER.debug("The connection was gone already: %s", err)
        self._drop()

    def give_up(self) -> None:
        """Let an `open` that is under way fail at once, or after its TCP connect."""
        self._fail("given up")

    def _fail(self, why: str) -> None:
        if not self._connected.done():
            self._connected.set_exception(aiomqtt.MqttError(why))
            # Whoever waits gets it; when nobody does, it was wanted that way.
            self._connected.exception()

    @override
    async def _misc_loop(self) -> None:
        # The base wakes up every second, which is most of what a quiet hour costs.
        while self._client.loop_misc() == paho.MQTT_ERR_SUCCESS:  # noqa: ASYNC110 - a clock sets no events
            await asyncio.sleep(KEEPALIVE_CHECK)

    @override
    def _on_disconnect(
        self,
        client: paho.Client,
        userdata: Any,
        flags: paho.DisconnectFlags,
        reason_code: ReasonCode,
        properties: Any = None,
    ) -> None:
        self._fail(_HUNG_UP)
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

    @override
    def _on_socket_register_write(
        self, client: paho.Client, userdata: Any, sock: Any
    ) -> None:
        # It may come from the thread that connects.
        self._loop.call_soon_threadsafe(self._write_when_ready, client, sock)

    def _write_when_ready(self, client: paho.Client, sock: Any) -> None:
        # What was closed meanwhile has no number, and its old one may be another's.
        if sock.fileno() >= 0:
            self._loop.add_writer(sock.fileno(), self._write, client)

    def _write(self, client: paho.Client) -> None:
        try:
            client.loop_write()
        except Exception as err:  # noqa: BLE001 - the reader of messages gets it
            if not self._disconnected.done():
                self._disconnected.set_exception(err)

    def _drop(self) -> None:
        # Without a DISCONNECT: a writer for it would be added after the socket is gone.
        if self._client.socket() is not None:
            self._client._sock_close()  # noqa: SLF001 - see the class
        if self._disconnected.done():
            # Why it ended was told already, or nobody was there to be told.
            self._disconnected.exception()


_HUNG_UP: Final = "hung up"


@asynccontextmanager
async def translated() -> AsyncGenerator[None]:
    """Turn the errors of aiomqtt into ours."""
    try:
        yield
    except aiomqtt.MqttError as err:
        raise _translated(err) from err


def _translated(err: aiomqtt.MqttError) -> HomelabError:
    if isinstance(err, MqttConnectError):
        code = getattr(err.rc, "value", err.rc)
        if code in _REFUSED:
            return AuthenticationError(str(err))
        if code in _SERVER_BUSY:
            return CannotConnectError(str(err))
        return ProtocolError(str(err))
    # aiomqtt keeps the text only; what Python remembers tells more.
    cause = err.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return CertificateError(str(err))
    if isinstance(cause, ssl.SSLError) or str(err) == _HUNG_UP:
        return ProtocolError(str(err))
    if isinstance(cause, TimeoutError) or str(err) == "Operation timed out":
        return RequestTimeoutError(str(err))
    return CannotConnectError(str(err))
