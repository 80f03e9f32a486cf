"""Keeps the connection to a Z-Wave JS server, and asks its stick now and then."""

import asyncio
from collections.abc import Callable, Iterator
import logging
import random
from time import monotonic
from typing import TYPE_CHECKING, Final

from ..backoff import delays
from ..errors import CommandTimeoutError, HomelabError
from .client import Connection
from .coordinator import HOLD_OFF
from .errors import OtherNetworkError
from .models import ControllerStatus, Network

if TYPE_CHECKING:
    import aiohttp

    from .source import ZwaveSource

_LOGGER = logging.getLogger(__name__)

# How often the driver's belief is read and the stick itself is asked, in seconds. The
# driver of a stick that measures background noise asks it every 30 s anyway.
CHECK_SECONDS: Final = 300.0
# The same while the stick does not answer: each question makes the driver open the
# serial port again.
RECHECK_SECONDS: Final = 60.0
# Between two tries while nobody has been told that the server is away, and the most
# that they grow to afterwards.
RETRY_SECONDS: Final = 0.5
LONGEST_RETRY_SECONDS: Final = 15.0
# A server that hangs up sooner than this after each welcome is tried as an absent one.
STABLE_SECONDS: Final = 60.0


def retry_delays(chance: Callable[[], float] = random.random) -> Iterator[float]:
    """Return how long to wait before each try, in seconds.

    Frequent for as long as an absence is held off, so that a short one stays unseen;
    then slower and slower.
    """
    quick = round(HOLD_OFF.total_seconds() / RETRY_SECONDS)
    return delays(RETRY_SECONDS, LONGEST_RETRY_SECONDS, quick=quick, chance=chance)


class Link:
    """The connection of one source, the next one after its end, and so on."""

    def __init__(
        self, source: ZwaveSource, session: aiohttp.ClientSession, url: str
    ) -> None:
        """Prepare; nothing is connected yet."""
        self._source = source
        self._session = session
        self._url = url
        self.connection: Connection | None = None

    async def async_connect(self) -> None:
        """Connect, get the state and be told of changes; raises a `HomelabError`."""
        connection = await Connection.open(self._session, self._url, self._changed)
        try:
            if connection.version.home_id != self._source.home_id:
                raise OtherNetworkError("another home id")
            network = await connection.listen()
        except BaseException:
            await connection.close()
            raise
        self.connection = connection
        self._source.async_connected(network)

    async def async_close(self) -> None:
        """Hang up."""
        connection, self.connection = self.connection, None
        if connection is not None:
            await connection.close()

    async def async_keep(self) -> None:
        """Follow the connection to its end and make the next one, for ever."""
        pauses = retry_delays()
        try:
            while True:
                began = monotonic()
                if self.connection is not None:
                    await self._attend(self.connection)
                if monotonic() - began > STABLE_SECONDS:
                    pauses = retry_delays()
                await self._reconnect(pauses)
        finally:
            await self.async_close()

    async def _attend(self, connection: Connection) -> None:
        checking = asyncio.create_task(self._check_now_and_then(connection))
        try:
            err = await connection.wait_lost()
            _LOGGER.debug("Disconnected: %s", err)
            self._source.async_disconnected(err)
        finally:
            checking.cancel()
            await asyncio.wait([checking])
            await self.async_close()

    async def _reconnect(self, pauses: Iterator[float]) -> None:
        for pause in pauses:
            await asyncio.sleep(pause)
            try:
                await self.async_connect()
            except HomelabError as err:
                _LOGGER.debug("Not connected: %s", err)
                self._source.async_disconnected(err)
            else:
                return

    # --- the stick -------------------------------------------------------------------

    async def _check_now_and_then(self, connection: Connection) -> None:
        while True:
            await self._check(connection)
            for _ in range(round(CHECK_SECONDS / RECHECK_SECONDS)):
                await asyncio.sleep(RECHECK_SECONDS)
                if self._source.radio.is_unresponsive:
                    break

    async def _check(self, connection: Connection) -> None:
        """Ask the driver, then the stick: a hung one is only found by asking it."""
        try:
            await connection.refresh_controller()
        except HomelabError as err:
            _LOGGER.debug("The driver does not say how its stick is: %s", err)
        try:
            answered = await connection.probe()
        except CommandTimeoutError:
            self._source.radio.async_unanswered()
        except HomelabError as err:
            _LOGGER.debug("The stick could not be asked: %s", err)
        else:
            if answered:
                self._source.radio.async_answered()

    def _changed(self, before: Network, after: Network) -> None:
        radio = self._source.radio
        if after.controller.status is not before.controller.status:
            radio.async_status(after.controller.status)
        if _has_said_something(before, after):
            radio.async_answered()
        self._source.async_network_changed(after)


def _has_said_something(before: Network, after: Network) -> bool:
    """Say whether the driver has counted a message of a stick that it calls ready."""
    old, new = before.controller.statistics, after.controller.statistics
    if after.controller.status is not ControllerStatus.READY or old is None:
        return False
    if new is None or old.received is None or new.received is None:
        return False
    return new.received > old.received
