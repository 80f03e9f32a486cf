"""The forms of the flow: fields and what can be chosen in them. No logic."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from homeassistant.const import CONF_ADDRESS, CONF_PASSWORD, CONF_TOKEN, CONF_USERNAME
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import probatio

from ...const import (
    CONF_BACKUP_MAX_AGE,
    CONF_EXCLUDE_GUESTS,
    CONF_EXCLUDE_POOLS,
    CONF_EXCLUDE_TAGS,
    CONF_INCLUDE_NEW,
    CONF_INTERVAL_NODES,
    CONF_INTERVAL_RESOURCES,
    CONF_INTERVAL_TASKS,
    CONF_KNOWN_GUESTS,
    CONF_LEVEL,
    CONF_OWN_GUEST,
    CONF_SHUTDOWN_TIMEOUT,
    CONF_STORAGE_CRITICAL,
    CONF_STORAGE_WARNING,
    DEFAULT_BACKUP_MAX_AGE,
    DEFAULT_INTERVAL_NODES,
    DEFAULT_INTERVAL_RESOURCES,
    DEFAULT_INTERVAL_TASKS,
    DEFAULT_SHUTDOWN_TIMEOUT,
    DEFAULT_STORAGE_CRITICAL,
    DEFAULT_STORAGE_WARNING,
    NO_OWN_GUEST,
)
from ..models import Guest, GuestType, Resources
from ..privileges import AccessLevel

CONF_TOTP: Final = "totp"

# Values of the choice of the own guest that are no guest.
OWN_GUEST_SEARCHED: Final = "automatic"
OWN_GUEST_ELSEWHERE: Final = str(NO_OWN_GUEST)

_TEXT = TextSelector()
_USERNAME = TextSelector(TextSelectorConfig(autocomplete="username"))
_SECRET = TextSelector(
    TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="current-password")
)
_LEVEL = SelectSelector(
    SelectSelectorConfig(
        options=[level.value for level in AccessLevel],
        translation_key="level",
        mode=SelectSelectorMode.LIST,
    )
)

ADDRESS = probatio.Schema({probatio.Required(CONF_ADDRESS): _TEXT})
LEVEL = probatio.Schema({probatio.Required(CONF_LEVEL): _LEVEL})
CREATE_ACCESS = probatio.Schema(
    {
        probatio.Required(CONF_LEVEL): _LEVEL,
        probatio.Required(CONF_USERNAME): _USERNAME,
        probatio.Required(CONF_PASSWORD): _SECRET,
        probatio.Optional(CONF_TOTP): TextSelector(
            TextSelectorConfig(autocomplete="one-time-code")
        ),
    }
)
TOKEN = probatio.Schema({probatio.Required(CONF_TOKEN): _SECRET})
PASSWORD = probatio.Schema(
    {
        probatio.Required(CONF_USERNAME): _USERNAME,
        probatio.Required(CONF_PASSWORD): _SECRET,
    }
)


def _number(low: int, high: int, unit: str) -> probatio.All[int]:
    selector = NumberSelector(
        NumberSelectorConfig(
            min=low,
            max=high,
            step=1,
            unit_of_measurement=unit,
            mode=NumberSelectorMode.BOX,
        )
    )
    return probatio.All(selector, probatio.Coerce(int))


INTERVALS = probatio.Schema(
    {
        probatio.Required(
            CONF_INTERVAL_RESOURCES, default=DEFAULT_INTERVAL_RESOURCES
        ): _number(10, 300, "s"),
        probatio.Required(CONF_INTERVAL_TASKS, default=DEFAULT_INTERVAL_TASKS): _number(
            10, 600, "s"
        ),
        probatio.Required(CONF_INTERVAL_NODES, default=DEFAULT_INTERVAL_NODES): _number(
            30, 3600, "s"
        ),
    }
)
LIMITS = probatio.Schema(
    {
        probatio.Required(
            CONF_STORAGE_WARNING, default=DEFAULT_STORAGE_WARNING
        ): _number(50, 99, "%"),
        probatio.Required(
            CONF_STORAGE_CRITICAL, default=DEFAULT_STORAGE_CRITICAL
        ): _number(51, 100, "%"),
        probatio.Required(CONF_BACKUP_MAX_AGE, default=DEFAULT_BACKUP_MAX_AGE): _number(
            1, 2160, "h"
        ),
        probatio.Required(
            CONF_SHUTDOWN_TIMEOUT, default=DEFAULT_SHUTDOWN_TIMEOUT
        ): _number(10, 3600, "s"),
    }
)


def guest_label(guest: Guest) -> str:
    """Return what Proxmox VE calls a guest in short, such as "VM 103 (house)"."""
    kind = "VM" if guest.type is GuestType.VM else "CT"
    name = f" ({guest.name})" if guest.name else ""
    return f"{kind} {guest.vmid}{name}"


def guest_options(guests: Iterable[Guest]) -> list[SelectOptionDict]:
    """Return guests to choose from, in the order of their numbers."""
    return [
        SelectOptionDict(value=str(guest.vmid), label=guest_label(guest))
        for guest in sorted(guests, key=lambda guest: guest.vmid)
    ]


def exclusions(
    resources: Resources, options: Mapping[str, Any]
) -> dict[probatio.Marker, Any]:
    """Return the fields that choose what to leave out.

    What is left out already can be chosen even when the cluster does not have it
    at the moment. Without any tag or pool there is no field for them.
    """
    guests = guest_options(resources.guests.values())
    known = {option["value"] for option in guests}
    guests += [
        SelectOptionDict(value=str(vmid), label=str(vmid))
        for vmid in options.get(CONF_EXCLUDE_GUESTS, ())
        if str(vmid) not in known
    ]
    left_out = probatio.Optional(CONF_EXCLUDE_GUESTS, default=list)
    fields: dict[probatio.Marker, Any] = {left_out: _choice(guests)}
    tags = {tag for guest in resources.guests.values() for tag in guest.tags}
    if tags := tags.union(options.get(CONF_EXCLUDE_TAGS, ())):
        fields[probatio.Optional(CONF_EXCLUDE_TAGS, default=list)] = _names(tags)
    pools = {guest.pool for guest in resources.guests.values() if guest.pool}
    if pools := pools.union(options.get(CONF_EXCLUDE_POOLS, ())):
        fields[probatio.Optional(CONF_EXCLUDE_POOLS, default=list)] = _names(pools)
    fields[probatio.Required(CONF_INCLUDE_NEW, default=True)] = BooleanSelector()
    return fields


def _names(names: Iterable[str]) -> SelectSelector:
    return _choice([SelectOptionDict(value=name, label=name) for name in sorted(names)])


def _choice(options: list[SelectOptionDict]) -> SelectSelector:
    return SelectSelector(
        SelectSelectorConfig(
            options=options, multiple=True, mode=SelectSelectorMode.DROPDOWN
        )
    )


def own_guest(guests: Iterable[Guest]) -> dict[probatio.Marker, Any]:
    """Return the field that picks the own guest."""
    selector = SelectSelector(
        SelectSelectorConfig(
            options=[
                _translated(OWN_GUEST_SEARCHED),
                _translated(OWN_GUEST_ELSEWHERE),
                *guest_options(guests),
            ],
            translation_key="own_guest",
            mode=SelectSelectorMode.DROPDOWN,
        )
    )
    return {probatio.Required(CONF_OWN_GUEST): selector}


def _translated(value: str) -> SelectOptionDict:
    return SelectOptionDict(value=value, label=value)


def chosen_own_guest(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the option that the answer to `own_guest` stands for."""
    picked = user_input[CONF_OWN_GUEST]
    return {CONF_OWN_GUEST: None if picked == OWN_GUEST_SEARCHED else int(picked)}


def chosen_exclusions(
    user_input: Mapping[str, Any], resources: Resources
) -> dict[str, Any]:
    """Return the options that the answers to `exclusions` stand for."""
    options: dict[str, Any] = {
        CONF_EXCLUDE_GUESTS: sorted(map(int, user_input[CONF_EXCLUDE_GUESTS])),
        CONF_EXCLUDE_TAGS: user_input.get(CONF_EXCLUDE_TAGS, []),
        CONF_EXCLUDE_POOLS: user_input.get(CONF_EXCLUDE_POOLS, []),
        CONF_INCLUDE_NEW: user_input[CONF_INCLUDE_NEW],
    }
    if not user_input[CONF_INCLUDE_NEW]:
        options[CONF_KNOWN_GUESTS] = sorted(resources.guests)
    return options
