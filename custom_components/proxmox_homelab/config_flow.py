"""The config flow: the kinds of systems, and the steps that belong to each."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, override

from homeassistant.config_entries import ConfigEntry, ConfigFlowResult, OptionsFlow
from homeassistant.core import callback
from homeassistant.data_entry_flow import UnknownHandler

from .const import CONF_KIND, DOMAIN, Kind
from .deconz.flow import DeconzSteps
from .mqtt.flow import MqttOptionsFlow, MqttSteps
from .proxmox.flow import ProxmoxOptionsFlow, ProxmoxSteps
from .zwave_js.flow import ZwaveSteps


@dataclass(frozen=True, slots=True, kw_only=True)
class KindFlow:
    """Where the flow of a kind begins: names of its steps, and its options.

    options: None for a kind with nothing to tune.
    """

    first: str
    reconfigure: str
    reauth: str
    options: Callable[[], OptionsFlow] | None = None


KINDS: Final[Mapping[Kind, KindFlow]] = {
    Kind.PROXMOX: KindFlow(
        first="proxmox_address",
        reauth="proxmox_reauth",
        reconfigure="proxmox_reconfigure",
        options=ProxmoxOptionsFlow,
    ),
    Kind.MQTT: KindFlow(
        first="mqtt_start",
        reauth="mqtt_reauth",
        reconfigure="mqtt_reconfigure",
        options=MqttOptionsFlow,
    ),
    # The server knows no login, so that none is ever refused.
    Kind.ZWAVE_JS: KindFlow(
        first="zwave_js_address",
        reconfigure="zwave_js_reconfigure",
        reauth="zwave_js_reconfigure",
    ),
    Kind.DECONZ: KindFlow(
        first="deconz_address",
        reauth="deconz_reauth",
        reconfigure="deconz_reconfigure",
    ),
}


class HomelabConfigFlow(
    ProxmoxSteps, MqttSteps, ZwaveSteps, DeconzSteps, domain=DOMAIN
):
    """Sets up one system; each kind's own steps live in its source package."""

    VERSION = 1

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry[Any]) -> OptionsFlow:
        """Return the options of the entry's kind."""
        options = _flow_of(config_entry.data).options
        if options is None:
            raise UnknownHandler
        return options()

    @classmethod
    @callback
    @override
    def async_supports_options_flow(cls, config_entry: ConfigEntry[Any]) -> bool:
        """Say whether there is anything to tune."""
        return _flow_of(config_entry.data).options is not None

    @override
    async def async_step_user(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Offer the kinds."""
        return self.async_show_menu(
            step_id="user", menu_options=[kind.first for kind in KINDS.values()]
        )

    async def async_step_reauth(
        self, entry_data: Mapping[str, Any]
    ) -> ConfigFlowResult:
        """Ask for a new access, because the one there is was refused."""
        return await self._async_begin(_flow_of(entry_data).reauth)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Offer what of the connection can be changed."""
        data = self._get_reconfigure_entry().data
        return await self._async_begin(_flow_of(data).reconfigure)

    async def _async_begin(self, step_id: str) -> ConfigFlowResult:
        step: Callable[[], Awaitable[ConfigFlowResult]]
        step = getattr(self, f"async_step_{step_id}")
        return await step()


def _flow_of(data: Mapping[str, Any]) -> KindFlow:
    return KINDS[Kind(data[CONF_KIND])]
