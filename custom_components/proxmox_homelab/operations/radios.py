"""The commands to radios: Zigbee2MQTT, Z-Wave JS and deCONZ."""

from collections.abc import Mapping
from time import monotonic
from typing import Any

from ..const import RadioCommand
from ..guard import check_radio
from ..source import RadioSource
from .core import Options, Outcome, audited, refuse, translated


async def async_radio_command(
    source: RadioSource,
    key: str,
    command: RadioCommand,
    options: Options,
    arguments: Mapping[str, Any],
) -> dict[str, Any]:
    """Carry out a command to a radio and return what it answers."""
    async with audited(source, key, command, options) as audit:
        refuse(check_radio(source, key))
        began = monotonic()
        async with translated(source):
            answer = await source.async_command(key, command, arguments)
        audit.ended(Outcome(seconds=round(monotonic() - began, 1)))
        return answer
