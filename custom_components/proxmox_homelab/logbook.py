"""What the logbook says of the commands that were given."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from homeassistant.components.logbook import LOGBOOK_ENTRY_MESSAGE, LOGBOOK_ENTRY_NAME
from homeassistant.core import Event, HomeAssistant, callback

from .const import DOMAIN, EVENT_COMMAND
from .operations import Verdict

_SENTENCES: Final[Mapping[str, str]] = {
    Verdict.DONE: "{command} done in {seconds} s",
    Verdict.STARTED: "{command} started",
    Verdict.ALREADY: "{command}: nothing to do",
    Verdict.REFUSED: "{command} refused ({reason})",
    Verdict.FAILED: "{command} failed after {seconds} s ({reason})",
}


@callback
def async_describe_events(
    hass: HomeAssistant,
    async_describe_event: Callable[
        [str, str, Callable[[Event[Any]], dict[str, str]]], None
    ],
) -> None:
    """Tell the logbook how to describe our events."""
    async_describe_event(DOMAIN, EVENT_COMMAND, _describe)


@callback
def _describe(event: Event[Any]) -> dict[str, str]:
    data = event.data
    words = {
        "command": _words(data["command"]),
        "reason": _words(data["reason"] or "unknown"),
        "seconds": data["seconds"],
    }
    return {
        LOGBOOK_ENTRY_NAME: data["name"],
        LOGBOOK_ENTRY_MESSAGE: _SENTENCES[data["result"]].format_map(words),
    }


def _words(key: str) -> str:
    return key.removeprefix("refused_").replace("_", " ")
