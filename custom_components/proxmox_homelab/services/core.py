"""How an action is carried out: its devices side by side, their errors as one."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
)
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv, service
from homeassistant.util.json import JsonObjectType, JsonValueType
import probatio

from ..const import DOMAIN
from ..devices import key_of
from ..guard import Consent
from ..keys import kind_of
from ..operations import Options
from ..source import Source
from .names import Field, WrongKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Target[SourceT: Source]:
    """One device of a call, as the operations know it."""

    source: SourceT
    key: str
    name: str


type Handler = Callable[[Target[Any], ServiceCall], Awaitable[JsonObjectType]]
type Fields = Mapping[probatio.Marker, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What an action is made of.

    kinds: what its devices may stand for, as the first parts of their keys.
    wrong_kind: the sentence about a device of another kind.
    fields: what it takes besides its devices.
    is_query: it only reads what is known, so everybody may use it.
    response: whether it is called for its response alone.
    """

    kinds: frozenset[str]
    wrong_kind: WrongKind
    handler: Handler
    fields: Fields = field(default_factory=dict)
    is_query: bool = False
    response: SupportsResponse = SupportsResponse.OPTIONAL

    @property
    def schema(self) -> probatio.Schema:
        """What a call may say."""
        devices = probatio.All(cv.ensure_list, [cv.string], probatio.Length(min=1))
        return probatio.Schema(
            {probatio.Required(Field.DEVICE_ID): devices, **self.fields}
        )


async def async_handle(spec: Spec, call: ServiceCall) -> ServiceResponse:
    """Work on all devices side by side; nothing starts while one does not fit."""
    targets = [
        target_of(call.hass, device_id, spec)
        for device_id in dict.fromkeys(call.data[Field.DEVICE_ID])
    ]
    results = await asyncio.gather(
        *(spec.handler(target, call) for target in targets), return_exceptions=True
    )
    reports: list[JsonValueType] = []
    errors: dict[str, HomeAssistantError] = {}
    for target, result in zip(targets, results, strict=True):
        if isinstance(result, HomeAssistantError):
            errors[target.name] = result
        elif isinstance(result, BaseException):
            raise result
        else:
            reports.append(result)
    if errors:
        raise _failure(errors, [target.name for target in targets])
    return {"results": reports}


def _failure(
    errors: Mapping[str, HomeAssistantError], names: Sequence[str]
) -> HomeAssistantError:
    """Return the one error as it is, and several things' errors as one sentence."""
    if len(names) == 1:
        return next(iter(errors.values()))
    refusals = all(isinstance(err, ServiceValidationError) for err in errors.values())
    kind = ServiceValidationError if refusals else HomeAssistantError
    return kind(
        translation_domain=DOMAIN,
        translation_key="some_failed",
        translation_placeholders={
            "failed": "\n".join(f"{name}: {err}" for name, err in errors.items()),
            "done": ", ".join(name for name in names if name not in errors) or "-",
        },
    )


def target_of(hass: HomeAssistant, device_id: str, spec: Spec) -> Target[Any]:
    """Return the device as a target; raise when it is none for this action."""
    device, entry = service.async_get_device_and_config_entry(
        hass, DOMAIN, device_id, include_child_devices=False
    )
    name = device.name_by_user or device.name or device_id
    key = key_of(device)
    if key is None or kind_of(key) not in spec.kinds:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key=spec.wrong_kind,
            translation_placeholders={"device": name},
        )
    return Target(source=entry.runtime_data, key=key, name=name)


def options_of(call: ServiceCall) -> Options:
    """Return how the call wants its command to be carried out."""
    data = call.data
    return Options(
        consent=Consent(
            confirm_self=data.get(Field.CONFIRM_SELF, False),
            allow_impact=data.get(Field.ALLOW_IMPACT, False),
        ),
        wait=data.get(Field.WAIT, True),
        timeout=data.get(Field.TIMEOUT),
        context=call.context,
    )
