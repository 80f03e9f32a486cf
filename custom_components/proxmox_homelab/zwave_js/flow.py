"""The steps of the config flow for a Z-Wave JS server."""

from typing import Any, Final

from homeassistant.config_entries import SOURCE_IGNORE, ConfigEntry, ConfigFlowResult
from homeassistant.const import CONF_URL
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
import probatio
from yarl import URL

from ..address import url_host
from ..const import CONF_HOME_ID, CONF_KIND, CONF_UI_URL, Kind
from ..errors import (
    CannotConnectError,
    CertificateError,
    CommandRefusedError,
    CommandTimeoutError,
    NotFoundError,
    ProtocolError,
    RequestTimeoutError,
    UnsupportedVersionError,
)
from ..flow import EMPTY, HomelabSteps, Problem, Sentences, attempt
from .client import Connection, UiClient
from .errors import DriverNotReadyError
from .keys import unique_id
from .models import ServerVersion
from .protocol import ui_url, websocket_url

_CORE_DOMAIN: Final = "zwave_js"

_SENTENCES: Final[Sentences] = {
    CertificateError: "zwave_js_certificate",
    RequestTimeoutError: "zwave_js_timeout",
    CommandTimeoutError: "zwave_js_timeout",
    DriverNotReadyError: "zwave_js_driver_not_ready",
    CannotConnectError: "zwave_js_cannot_connect",
    UnsupportedVersionError: "zwave_js_too_old",
    ProtocolError: "not_zwave_js",
    NotFoundError: "not_zwave_js",
    CommandRefusedError: "not_zwave_js",
}
_UI_SENTENCES: Final[Sentences] = {
    CertificateError: "zwave_js_certificate",
    RequestTimeoutError: "zwave_js_timeout",
    CannotConnectError: "zwave_js_cannot_connect",
    ProtocolError: "not_zwave_js_ui",
}
_ADDRESSES: Final = probatio.Schema(
    {
        probatio.Required(CONF_URL): str,
        probatio.Optional(CONF_UI_URL): str,
    }
)


class ZwaveSteps(HomelabSteps):
    """An address that is typed or found, checked by connecting."""

    def __init__(self) -> None:
        """Start with nothing found."""
        super().__init__()
        self._zwave_found = ""

    async def async_step_zwave_js_address(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask where the server is."""
        if user_input is None:
            return self._show(
                "zwave_js_address", _ADDRESSES, suggested=self._zwave_suggestion()
            )
        version = await self._zwave_check(user_input)
        if isinstance(version, Problem):
            return self._show("zwave_js_address", _ADDRESSES, version, user_input)
        # A set-up that was left with its browser tab open must not block this one.
        known = await self.async_set_unique_id(
            unique_id(version.home_id), raise_on_progress=False
        )
        if known is not None and known.source != SOURCE_IGNORE:
            return self.async_abort(reason="zwave_js_already_configured")
        return self._zwave_create()

    async def async_step_zwave_js_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Take another address of the same network."""
        step_id = "zwave_js_reconfigure"
        if user_input is None:
            return self._show(step_id, _ADDRESSES, suggested=self._entry.data)
        version = await self._zwave_check(user_input)
        if isinstance(version, Problem):
            return self._show(step_id, _ADDRESSES, version, user_input)
        if unique_id(version.home_id) != self._entry.unique_id:
            return self.async_abort(reason="zwave_js_other_network")
        return self.async_update_reload_and_abort(self._entry, data=self._data)

    # --- found by itself -------------------------------------------------------------

    async def async_step_zeroconf(
        self, discovery_info: ZeroconfServiceInfo
    ) -> ConfigFlowResult:
        """Take a server that announces itself with its home id."""
        home_id = str(discovery_info.properties.get("homeId", ""))
        if not home_id.isdecimal():
            return self.async_abort(reason="not_zwave_js")
        url = f"ws://{url_host(discovery_info.host)}:{discovery_info.port}"
        entry = await self.async_set_unique_id(unique_id(int(home_id)))
        if entry is not None:
            self._zwave_follow(entry, url)
            return self.async_abort(reason="zwave_js_already_configured")
        self._zwave_found = url
        self.context["title_placeholders"] = {"name": discovery_info.host}
        return await self.async_step_zwave_js_found()

    def _zwave_follow(self, entry: ConfigEntry[Any], url: str) -> None:
        """Take the announced address for an entry whose own one leads nowhere.

        A working one may be the better one: encrypted, or a name instead of a number.
        """
        source = getattr(entry, "runtime_data", None)
        is_connected = source is not None and source.is_connected
        if entry.source == SOURCE_IGNORE or entry.data[CONF_URL] == url or is_connected:
            return
        self.hass.config_entries.async_update_entry(
            entry, data={**entry.data, CONF_URL: url}
        )
        self.hass.config_entries.async_schedule_reload(entry.entry_id)

    async def async_step_zwave_js_found(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask whether the server that was found is to be set up."""
        placeholders = {"address": self._zwave_found}
        problem = Problem(errors={})
        if user_input is not None:
            version = await self._zwave_check({CONF_URL: self._zwave_found})
            if not isinstance(version, Problem):
                if unique_id(version.home_id) != self.unique_id:
                    return self.async_abort(reason="zwave_js_other_network")
                return self._zwave_create()
            problem = version
        return self._show("zwave_js_found", EMPTY, problem, placeholders=placeholders)

    # --- what they share -------------------------------------------------------------

    def _zwave_suggestion(self) -> dict[str, str]:
        """Return the address of Home Assistant's own connection, if it is not used."""
        used = {entry.data.get(CONF_URL) for entry in self._async_current_entries()}
        for entry in self.hass.config_entries.async_entries(_CORE_DOMAIN):
            url = entry.data.get(CONF_URL)
            if isinstance(url, str) and url not in used:
                return {CONF_URL: url}
        return {}

    async def _zwave_check(self, typed: dict[str, Any]) -> ServerVersion | Problem:
        """Connect to what was typed and keep it as the data of the entry."""
        try:
            url = websocket_url(typed[CONF_URL])
        except ValueError:
            return Problem(errors={CONF_URL: "zwave_js_invalid_address"})
        self._data = {CONF_KIND: Kind.ZWAVE_JS.value, CONF_URL: url}
        version = await attempt(self._zwave_version(url), _SENTENCES)
        if isinstance(version, Problem):
            return version
        self._data[CONF_HOME_ID] = version.home_id
        if address := typed.get(CONF_UI_URL):
            return await self._zwave_check_ui(address) or version
        return version

    async def _zwave_version(self, url: str) -> ServerVersion:
        connection = await Connection.open(async_get_clientsession(self.hass), url)
        await connection.close()
        return connection.version

    async def _zwave_check_ui(self, address: str) -> Problem | None:
        try:
            url = ui_url(address)
        except ValueError:
            return Problem(errors={CONF_UI_URL: "zwave_js_invalid_address"})
        client = UiClient(async_get_clientsession(self.hass), url)
        version = await attempt(client.version(), _UI_SENTENCES)
        if isinstance(version, Problem):
            return Problem(errors={CONF_UI_URL: version.errors["base"]})
        self._data[CONF_UI_URL] = url
        return None

    def _zwave_create(self) -> ConfigFlowResult:
        title = f"Z-Wave JS {URL(self._data[CONF_URL]).host}"
        return self.async_create_entry(title=title, data=self._data)
