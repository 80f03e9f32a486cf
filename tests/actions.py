"""What the tests of commands share: actions as an automation calls them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.proxmox_homelab.const import DOMAIN, EVENT_COMMAND
from lab import Lab

from .common import device


async def async_act(
    hass: HomeAssistant,
    entry: ConfigEntry[Any],
    action: str,
    *keys: str,
    context: Context | None = None,
    **data: Any,
) -> list[dict[str, Any]]:
    """Call an action for the devices of some items and return its results."""
    devices = [device(hass, entry, key).id for key in keys]
    response = await hass.services.async_call(
        DOMAIN,
        action,
        {"device_id": devices, **data},
        blocking=True,
        context=context,
        return_response=True,
    )
    assert isinstance(response, dict)
    results = response["results"]
    assert isinstance(results, list)
    return [result for result in results if isinstance(result, dict)]


@contextmanager
def fails(
    key: str, kind: type[HomeAssistantError] = HomeAssistantError
) -> Iterator[pytest.ExceptionInfo[HomeAssistantError]]:
    """Expect an error of just this kind with this sentence."""
    with pytest.raises(HomeAssistantError) as found:
        yield found
    assert found.value.translation_key == key
    assert type(found.value) is kind
    # A sentence that could not be filled in would show its braces.
    assert "{" not in str(found.value)


def written(lab: Lab) -> list[tuple[str, str]]:
    """Return the method and the end of the path of all that was sent to change."""
    return [
        (request.method, request.path)
        for request in lab.pve.requests
        if request.method != "GET"
    ]


def sent(lab: Lab) -> list[tuple[str, str]]:
    """Return the same with the last part of the path only."""
    return [(method, path.rpartition("/")[2]) for method, path in written(lab)]


def events(hass: HomeAssistant) -> list[Event[dict[str, Any]]]:
    """Return the list that fills with the events of commands from now on."""
    found: list[Event[dict[str, Any]]] = []

    @callback
    def note(event: Event[dict[str, Any]]) -> None:
        found.append(event)

    hass.bus.async_listen(EVENT_COMMAND, note)
    return found
