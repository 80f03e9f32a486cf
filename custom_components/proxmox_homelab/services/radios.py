"""The actions on radios: let devices join, look at the mesh, check the stick."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from homeassistant.core import ServiceCall, SupportsResponse
from homeassistant.helpers import config_validation as cv
from homeassistant.util.json import JsonObjectType
import probatio

from ..const import DEFAULT_JOIN_SECONDS, LONGEST_JOIN_SECONDS, RadioCommand
from ..operations import async_radio_command
from ..source import RadioSource
from .core import Spec, Target, options_of
from .names import Action, Field, WrongKind

_ZIGBEE: Final = frozenset({"z2m", "deconz"})
_ZIGBEE2MQTT: Final = frozenset({"z2m"})


async def _async_command(
    command: RadioCommand, target: Target[RadioSource], call: ServiceCall
) -> JsonObjectType:
    arguments = {
        field.value: call.data[field]
        for field in (Field.DURATION, Field.ROUTER, Field.ROUTES)
        if field in call.data
    }
    answer = await async_radio_command(
        target.source, target.key, command, options_of(call), arguments
    )
    return {"device": target.name, **answer}


SPECS: Final[Mapping[Action, Spec]] = {
    Action.PERMIT_JOIN: Spec(
        kinds=_ZIGBEE,
        wrong_kind=WrongKind.ZIGBEE_NETWORK,
        handler=partial(_async_command, RadioCommand.PERMIT_JOIN),
        fields={
            probatio.Optional(
                Field.DURATION, default=DEFAULT_JOIN_SECONDS
            ): probatio.All(
                probatio.Coerce(int), probatio.Range(min=0, max=LONGEST_JOIN_SECONDS)
            ),
            probatio.Optional(Field.ROUTER): cv.string,
        },
    ),
    Action.ZIGBEE_NETWORK_MAP: Spec(
        kinds=_ZIGBEE2MQTT,
        wrong_kind=WrongKind.ZIGBEE2MQTT,
        handler=partial(_async_command, RadioCommand.NETWORK_MAP),
        fields={probatio.Optional(Field.ROUTES, default=False): cv.boolean},
        # It burdens the mesh for minutes, so it is not for everybody.
        response=SupportsResponse.ONLY,
    ),
    Action.CHECK_COORDINATOR: Spec(
        kinds=_ZIGBEE2MQTT,
        wrong_kind=WrongKind.ZIGBEE2MQTT,
        handler=partial(_async_command, RadioCommand.CHECK),
    ),
}
