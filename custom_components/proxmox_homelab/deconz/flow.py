"""How a deCONZ gateway is set up, and changed later."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from homeassistant.config_entries import SOURCE_USER, ConfigFlowResult
from homeassistant.const import CONF_ADDRESS, CONF_API_KEY, CONF_HOST, CONF_PORT
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import probatio

from ..const import CONF_BRIDGE_ID, CONF_KIND, Kind
from ..errors import (
    AuthenticationError,
    CannotConnectError,
    CommandRefusedError,
    NotFoundError,
    ProtocolError,
    RequestTimeoutError,
)
from ..flow import EMPTY, NO_PROBLEM, HomelabSteps, Problem, Sentences, attempt
from .address import address_text, parse_address
from .connect import async_create_client

# What the gateway lists the key under.
_APPLICATION: Final = "Proxmox Homelab"
_UNNAMED: Final = "deCONZ"
# Home Assistant's own integration, whose data are host, port and api_key.
_CORE: Final = "deconz"
_CONF_GATEWAY: Final = "gateway"

_SENTENCES: Final[Sentences] = {
    RequestTimeoutError: "deconz_timeout",
    CannotConnectError: "deconz_cannot_connect",
    AuthenticationError: "deconz_invalid_key",
    ProtocolError: "deconz_not_deconz",
    NotFoundError: "deconz_not_deconz",
    CommandRefusedError: "deconz_busy",
}

_ADDRESS: Final = probatio.Schema({probatio.Required(CONF_ADDRESS): TextSelector()})
_KEY: Final = probatio.Schema(
    {
        probatio.Required(CONF_API_KEY): TextSelector(
            TextSelectorConfig(type=TextSelectorType.PASSWORD)
        )
    }
)


class DeconzSteps(HomelabSteps):
    """All steps: the address, and either an unlocked gateway or a key."""

    def __init__(self) -> None:
        """Start with nothing known."""
        super().__init__()
        self._deconz_offered = False
        self._deconz_key = ""

    # --- how it begins -----------------------------------------------------------

    async def async_step_deconz_address(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask where the gateway is, unless Home Assistant itself knows one."""
        if user_input is None:
            if self._deconz_may_offer():
                return await self.async_step_deconz_known()
            return self._deconz_ask_address()
        try:
            host, port = parse_address(user_input[CONF_ADDRESS])
        except ValueError:
            errors = {CONF_ADDRESS: "deconz_invalid_address"}
            return self._deconz_ask_address(Problem(errors=errors), user_input)
        data = {**self._data, CONF_HOST: host, CONF_PORT: port}
        found = await attempt(
            async_create_client(self.hass, data).public_config(), _SENTENCES
        )
        if isinstance(found, Problem):
            return self._deconz_ask_address(found, user_input)
        self._data = data
        if found is not None and found.bridge_id is not None:
            refusal = self._deconz_refusal(found.bridge_id, found.name or _UNNAMED)
            if refusal is not None:
                return refusal
        if CONF_API_KEY in data:
            return await self._async_deconz_moved()
        return await self.async_step_deconz_access()

    async def async_step_deconz_reauth(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for a new key, because the one there is was deleted."""
        self._data = dict(self._entry.data)
        return self._deconz_menu("deconz_reauth", ["deconz_link", "deconz_key"])

    async def async_step_deconz_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Offer what of the connection can be changed."""
        self._data = dict(self._entry.data)
        return self._deconz_menu(
            "deconz_reconfigure", ["deconz_address", "deconz_access"]
        )

    async def _async_deconz_moved(self) -> ConfigFlowResult:
        """Use the key at the new address, or ask for another one."""
        found = await self._async_deconz_look(self._data)
        if isinstance(found, Problem):
            if found.credentials:
                return await self.async_step_deconz_access()
            return self._deconz_ask_address(found)
        return await self._async_deconz_finish(found)

    # --- the gateway that Home Assistant knows already ------------------------------

    async def async_step_deconz_known(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Offer to use what Home Assistant's own integration uses."""
        self._deconz_offered = True
        return self.async_show_menu(
            step_id="deconz_known", menu_options=["deconz_same", "deconz_address"]
        )

    async def async_step_deconz_same(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Take over address and key; with several gateways, of the chosen one."""
        known = self._deconz_known()
        if len(known) == 1:
            user_input = {_CONF_GATEWAY: next(iter(known))}
        if user_input is None:
            return self._deconz_choose(NO_PROBLEM)
        data = known[user_input[_CONF_GATEWAY]]
        found = await self._async_deconz_look(data)
        if isinstance(found, Problem):
            return self._deconz_choose(found)
        self._data = data
        return await self._async_deconz_finish(found)

    def _deconz_choose(self, problem: Problem) -> ConfigFlowResult:
        known = self._deconz_known()
        selector = SelectSelector(
            SelectSelectorConfig(
                options=[
                    SelectOptionDict(
                        value=entry_id,
                        label=address_text(data[CONF_HOST], data[CONF_PORT]),
                    )
                    for entry_id, data in known.items()
                ]
            )
        )
        schema = probatio.Schema({probatio.Required(_CONF_GATEWAY): selector})
        return self._show(
            "deconz_same",
            schema if len(known) > 1 else EMPTY,
            problem,
            placeholders={
                "address": ", ".join(
                    address_text(data[CONF_HOST], data[CONF_PORT])
                    for data in known.values()
                )
            },
        )

    def _deconz_may_offer(self) -> bool:
        return (
            self.source == SOURCE_USER
            and not self._deconz_offered
            and bool(self._deconz_known())
        )

    def _deconz_known(self) -> dict[str, dict[str, Any]]:
        """Return address and key of each gateway of Home Assistant's integration."""
        return {
            entry.entry_id: {
                name: entry.data[name] for name in (CONF_HOST, CONF_PORT, CONF_API_KEY)
            }
            for entry in self.hass.config_entries.async_entries(_CORE)
            if entry.data.keys() >= {CONF_HOST, CONF_PORT, CONF_API_KEY}
        }

    # --- the key ---------------------------------------------------------------------

    async def async_step_deconz_access(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Offer the two ways to a key."""
        return self._deconz_menu("deconz_access", ["deconz_link", "deconz_key"])

    async def async_step_deconz_link(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Get a key from the unlocked gateway."""
        if user_input is None:
            return self._deconz_form("deconz_link", EMPTY)
        # A key that was given stays good, whatever went wrong after that.
        if not self._deconz_key:
            client = async_create_client(self.hass, self._data)
            key = await attempt(client.request_key(_APPLICATION), _SENTENCES)
            if isinstance(key, Problem):
                return self._deconz_form("deconz_link", EMPTY, key)
            if key is None:
                problem = Problem(errors={"base": "deconz_locked"})
                return self._deconz_form("deconz_link", EMPTY, problem)
            self._deconz_key = key
        return await self._async_deconz_try("deconz_link", EMPTY, self._deconz_key)

    async def async_step_deconz_key(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Take a key that there is already."""
        if user_input is None:
            return self._deconz_form("deconz_key", _KEY)
        return await self._async_deconz_try(
            "deconz_key", _KEY, user_input[CONF_API_KEY].strip()
        )

    async def _async_deconz_try(
        self, step_id: str, schema: probatio.Schema, key: str
    ) -> ConfigFlowResult:
        data = {**self._data, CONF_API_KEY: key}
        found = await self._async_deconz_look(data)
        if isinstance(found, Problem):
            if found.credentials:
                self._deconz_key = ""
            return self._deconz_form(step_id, schema, found)
        self._data = data
        return await self._async_deconz_finish(found)

    async def _async_deconz_look(self, data: Mapping[str, Any]) -> _Known | Problem:
        """Return who answers to the key, which takes a stick that was seen once."""
        client = async_create_client(self.hass, data)
        found = await attempt(client.config(), _SENTENCES)
        if isinstance(found, Problem):
            return found
        if found.bridge_id is None:
            return Problem(errors={"base": "deconz_no_stick"})
        return _Known(bridge_id=found.bridge_id, name=found.name or _UNNAMED)

    # --- what comes of it ---------------------------------------------------------

    async def _async_deconz_finish(self, found: _Known) -> ConfigFlowResult:
        """Make the entry, or keep what was found for the entry that it is about."""
        if (refusal := self._deconz_refusal(found.bridge_id, found.name)) is not None:
            return refusal
        data = {
            CONF_KIND: Kind.DECONZ.value,
            CONF_BRIDGE_ID: found.bridge_id,
            **self._data,
        }
        if self.source != SOURCE_USER:
            return self.async_update_reload_and_abort(self._entry, data=data)
        # A set-up that was left with its browser tab open must not block this one.
        await self.async_set_unique_id(
            _unique_id(found.bridge_id), raise_on_progress=False
        )
        return self.async_create_entry(title=found.name, data=data)

    def _deconz_refusal(self, bridge_id: str, name: str) -> ConfigFlowResult | None:
        """Say why the gateway is not the one that this flow can be about."""
        unique_id = _unique_id(bridge_id)
        if self.source == SOURCE_USER:
            if any(
                entry.unique_id == unique_id for entry in self._async_current_entries()
            ):
                return self.async_abort(reason="deconz_already_configured")
            return None
        if self._entry.unique_id == unique_id:
            return None
        return self.async_abort(
            reason="deconz_other_gateway",
            description_placeholders={"expected": self._entry.title, "found": name},
        )

    def _deconz_ask_address(
        self,
        problem: Problem = NO_PROBLEM,
        suggested: Mapping[str, Any] | None = None,
    ) -> ConfigFlowResult:
        if suggested is None and CONF_HOST in self._data:
            suggested = {CONF_ADDRESS: self._deconz_address}
        return self._show("deconz_address", _ADDRESS, problem, suggested)

    def _deconz_form(
        self, step_id: str, schema: probatio.Schema, problem: Problem = NO_PROBLEM
    ) -> ConfigFlowResult:
        return self._show(
            step_id, schema, problem, placeholders={"address": self._deconz_address}
        )

    def _deconz_menu(self, step_id: str, options: list[str]) -> ConfigFlowResult:
        return self.async_show_menu(
            step_id=step_id,
            menu_options=options,
            description_placeholders={"address": self._deconz_address},
        )

    @property
    def _deconz_address(self) -> str:
        return address_text(self._data[CONF_HOST], self._data[CONF_PORT])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A gateway that answered to a key, and can be told from others."""

    bridge_id: str
    name: str


def _unique_id(bridge_id: str) -> str:
    return f"deconz-{bridge_id}"
