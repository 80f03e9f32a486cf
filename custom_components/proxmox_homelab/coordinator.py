"""The coordinator that every source builds on.

It does two things that Home Assistant's own does not: it turns the errors of the
clients into Home Assistant's in one place, and it wakes only the entities of items
that changed, in slices that leave the event loop free in between.
"""

from abc import abstractmethod
import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
import logging
from time import monotonic, perf_counter
from typing import Any, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import (
    ConfigEntryAuthFailed,
    ConfigEntryError,
    ConfigEntryNotReady,
    HomeAssistantError,
)
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed

from .const import DOMAIN
from .errors import (
    AuthenticationError,
    CannotConnectError,
    CertificateChangedError,
    CertificateError,
    HomelabError,
)

_LOGGER = logging.getLogger(__name__)

# How long one slice of wake-ups may keep the event loop, in seconds. A state write
# costs about 25 us, so a slice is some 150 of them.
_SLICE_SECONDS = 0.004


def as_update_error(err: HomelabError, system: str) -> HomeAssistantError:
    """Return what a coordinator raises for an error of a client.

    system: how the user calls what the client speaks with.

    Credentials that are refused start the reauthentication; a certificate that
    changed is not healed by trying again; everything else is tried again.
    """
    kind: type[HomeAssistantError]
    match err:
        case AuthenticationError():
            kind = ConfigEntryAuthFailed
        case CertificateChangedError() | CertificateError():
            kind = ConfigEntryError
        case _:
            kind = UpdateFailed
    return _translated(kind, err, system)


def as_setup_error(err: HomelabError, system: str) -> HomeAssistantError:
    """Return what the start of a source raises that has no first poll.

    Everything but refused credentials is tried again: also a certificate may be
    renewed without anybody doing something here.
    """
    refused = isinstance(err, AuthenticationError)
    kind = ConfigEntryAuthFailed if refused else ConfigEntryNotReady
    return _translated(kind, err, system)


def as_command_error(err: HomelabError, system: str) -> HomeAssistantError:
    """Return what a command of an entity or action raises for a client's error."""
    return _translated(HomeAssistantError, err, system)


def _translated(
    kind: type[HomeAssistantError], err: HomelabError, system: str
) -> HomeAssistantError:
    return kind(
        translation_domain=DOMAIN,
        translation_key=err.key,
        translation_placeholders={"system": system, **err.placeholders},
    )


class HomelabCoordinator[ItemT](DataUpdateCoordinator[dict[str, ItemT]]):
    """Polls one section of a source; its data are frozen models by item key.

    A subclass implements `async_fetch` and raises only errors of `errors.py`.
    """

    config_entry: ConfigEntry[Any]

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry[Any],
        *,
        section: str,
        interval: timedelta | None,
    ) -> None:
        """Prepare the section without asking anything yet."""
        super().__init__(
            hass,
            _LOGGER,
            config_entry=entry,
            name=f"{entry.title} {section}",
            update_interval=interval,
        )
        self.data = {}
        self.section = section
        self.last_error: HomelabError | None = None
        self.last_seconds: float | None = None
        self._item_listeners: dict[str, list[CALLBACK_TYPE]] = {}
        self._announced: dict[str, ItemT] = {}
        self._announced_success = True
        self._awaiting: dict[str, None] = {}
        self._draining = False

    @abstractmethod
    async def async_fetch(self) -> dict[str, ItemT]:
        """Return the items of this section by key; raise a `HomelabError`."""

    @override
    async def _async_update_data(self) -> dict[str, ItemT]:
        started = perf_counter()
        try:
            data = await self.async_fetch()
        except HomelabError as err:
            self.last_error = err
            raise as_update_error(err, self.config_entry.title) from err
        finally:
            self.last_seconds = round(perf_counter() - started, 3)
        self.last_error = None
        return data

    def diagnostics(self) -> dict[str, Any]:
        """Return how the section fares; errors by class, for they name addresses."""
        return {
            "healthy": self.last_update_success,
            "error": type(self.last_error).__name__ if self.last_error else None,
            "items": len(self.data),
            "seconds": self.last_seconds,
        }

    @callback
    def async_keep_polling(self) -> None:
        """Poll for as long as the entry is loaded, whoever listens to which item.

        Home Assistant polls only while a coordinator has listeners of its own; the
        listeners of items do not count as such.
        """
        self.config_entry.async_on_unload(self.async_add_listener(lambda: None))

    @callback
    def async_add_item_listener(
        self, key: str, update_callback: CALLBACK_TYPE
    ) -> CALLBACK_TYPE:
        """Call back when the item `key` changed, came, went or became (un)known."""
        self._item_listeners.setdefault(key, []).append(update_callback)

        @callback
        def remove() -> None:
            listeners = self._item_listeners[key]
            listeners.remove(update_callback)
            if not listeners:
                del self._item_listeners[key]

        return remove

    def has_item_listeners(self, key: str) -> bool:
        """Say whether anybody wants to know of the item `key`."""
        return key in self._item_listeners

    @callback
    def async_set_item(self, key: str, item: ItemT) -> None:
        """Replace one item between two polls and wake whom it concerns."""
        self.data = {**self.data, key: item}
        self._async_announce()

    @override
    @callback
    def async_update_listeners(self) -> None:
        super().async_update_listeners()
        self._async_announce()

    @callback
    def _async_announce(self) -> None:
        """Queue the listeners of what differs from what they were told last."""
        if self.last_update_success != self._announced_success:
            self._awaiting.update(dict.fromkeys(self._item_listeners))
        else:
            self._awaiting.update(dict.fromkeys(self._changed_keys()))
        self._announced = self.data
        self._announced_success = self.last_update_success
        if self._awaiting and not self._draining:
            self._draining = True
            self._async_drain()

    def _changed_keys(self) -> list[str]:
        old, new = self._announced, self.data
        if old is new:
            return []
        # Unchanged models are reused by the parsers, so that `is` settles most.
        return [
            key
            for key in self._item_listeners
            if (before := old.get(key)) is not (now := new.get(key)) and before != now
        ]

    @callback
    def _async_drain(self) -> None:
        """Wake the queued listeners for one slice, then let others have the loop."""
        until = perf_counter() + _SLICE_SECONDS
        while self._awaiting:
            key = next(iter(self._awaiting))
            del self._awaiting[key]
            for update_callback in tuple(self._item_listeners.get(key, ())):
                self._async_wake(update_callback)
            if perf_counter() > until:
                self.hass.loop.call_soon(self._async_drain)
                return
        self._draining = False

    def _async_wake(self, update_callback: Callable[[], None]) -> None:
        # One entity that fails must not keep the others from hearing.
        try:
            update_callback()
        except Exception:
            _LOGGER.exception("A listener of %s failed", self.name)


class StreamCoordinator[ItemT](HomelabCoordinator[ItemT]):
    """A section that its system pushes: nothing is asked, the items are set.

    While the stream is down the section has failed, and what it knew stays for the
    moment when the stream is back.
    """

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry[Any], *, section: str
    ) -> None:
        """Prepare the section."""
        super().__init__(hass, entry, section=section, interval=None)

    @override
    async def async_fetch(self) -> dict[str, ItemT]:
        return self.data

    @callback
    def async_drop_item(self, key: str) -> None:
        """Forget one item."""
        self.data = {known: item for known, item in self.data.items() if known != key}
        self._async_announce()

    @callback
    def async_lost(self, err: HomelabError) -> None:
        """The stream is down."""
        self.last_error = err
        self.async_set_update_error(as_update_error(err, self.config_entry.title))

    @callback
    def async_regained(self) -> None:
        """The stream is back."""
        self.last_error = None
        if not self.last_update_success:
            _LOGGER.info("%s is back", self.name)
            self.async_set_updated_data(self.data)


class PartsCoordinator[PartT, ItemT](HomelabCoordinator[ItemT]):
    """A section that is asked part by part: node by node, guest by guest.

    Each part has its own age, last good answer and error, so that one that fails
    marks only what it feeds. Parts that fall due together are asked side by side;
    after the first round no more than `_budget` of them in one poll.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry[Any],
        *,
        section: str,
        max_age: timedelta,
        tick: timedelta,
        keep_last: bool,
    ) -> None:
        """Prepare the section.

        max_age: how old a part may get before it is asked again.
        tick: how often the ages are looked at.
        keep_last: whether the last good answer of a part that fails stays in use.
        """
        super().__init__(hass, entry, section=section, interval=tick)
        self.part_errors: dict[str, HomelabError] = {}
        self._max_age = max_age
        self._tick = tick
        self._keep_last = keep_last
        self._asked_at: dict[str, float] = {}
        self._answers: dict[str, PartT] = {}

    @abstractmethod
    def parts(self) -> Iterable[str]:
        """Return the names of the parts that somebody needs now."""

    @abstractmethod
    async def async_fetch_part(self, part: str) -> PartT:
        """Return the answer of one part; raise a `HomelabError`."""

    @abstractmethod
    def combine(self, answers: Mapping[str, PartT]) -> dict[str, ItemT]:
        """Return the data of the section from the answers of its parts."""

    def _budget(self, parts: int) -> int:
        """Return how many parts one poll may ask: evenly spread over `max_age`."""
        return -(
            -parts
            * int(self._tick.total_seconds())
            // int(self._max_age.total_seconds())
        )

    @override
    async def async_fetch(self) -> dict[str, ItemT]:
        parts = list(self.parts())
        for gone in self._answers.keys() - set(parts):
            self._forget(gone)
        await self._async_ask(self._due(parts))
        return self.combine(self._answers)

    @override
    def diagnostics(self) -> dict[str, Any]:
        return {
            **super().diagnostics(),
            "failed_parts": {
                part: type(err).__name__ for part, err in self.part_errors.items()
            },
        }

    def was_asked(self, part: str) -> bool:
        """Say whether the part was asked at least once, with or without success."""
        return part in self._asked_at

    async def async_refresh_part(self, part: str) -> None:
        """Ask one part now, because something is known to have changed there."""
        await self._async_ask([part])
        self.data = self.combine(self._answers)
        self._async_announce()

    async def async_refresh_all(self) -> None:
        """Ask every part now."""
        self._asked_at.clear()
        await self.async_refresh()

    def _due(self, parts: list[str]) -> list[str]:
        never = [part for part in parts if part not in self._asked_at]
        # Half a tick of tolerance: polls do not come at the exact second.
        oldest_allowed = (
            monotonic() - self._max_age.total_seconds() + self._tick.total_seconds() / 2
        )
        due = sorted(
            (self._asked_at[part], part)
            for part in parts
            if self._asked_at.get(part, oldest_allowed + 1) <= oldest_allowed
        )
        return never + [part for _, part in due[: self._budget(len(parts))]]

    async def _async_ask(self, parts: list[str]) -> None:
        """Ask the parts side by side; the client limits how many at a time."""
        errors = [
            err
            for err in await asyncio.gather(*map(self._async_ask_part, parts))
            if err is not None
        ]
        for err in errors:
            # These two are about the whole source, not about a part of it.
            if isinstance(err, AuthenticationError) or (
                len(errors) == len(parts) and isinstance(err, CannotConnectError)
            ):
                raise err

    async def _async_ask_part(self, part: str) -> HomelabError | None:
        self._asked_at[part] = monotonic()
        try:
            self._answers[part] = await self.async_fetch_part(part)
        except HomelabError as err:
            _LOGGER.debug("%s of %s: %s", self.name, part, err)
            self.part_errors[part] = err
            if not self._keep_last:
                self._answers.pop(part, None)
            return err
        self.part_errors.pop(part, None)
        return None

    def _forget(self, part: str) -> None:
        self._answers.pop(part, None)
        self._asked_at.pop(part, None)
        self.part_errors.pop(part, None)
