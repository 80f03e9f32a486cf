"""How an MQTT broker is set up, and changed later."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.config_entries import SOURCE_USER, ConfigFlowResult
from homeassistant.const import CONF_HOST, CONF_PASSWORD, CONF_PORT, CONF_USERNAME
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import probatio

from ...address import is_host
from ...const import (
    CONF_CA_PEM,
    CONF_CLIENT_KEY_PEM,
    CONF_CLIENT_PEM,
    CONF_ENCRYPTION,
    CONF_KIND,
    CONF_VERIFY_HOSTNAME,
    Encryption,
    Kind,
)
from ...errors import (
    AuthenticationError,
    CannotConnectError,
    CertificateError,
    HomelabError,
    ProtocolError,
    RequestTimeoutError,
)
from ...flow import NO_PROBLEM, HomelabSteps, Problem, Sentences, attempt
from ..client import check_address
from ..connect import async_address
from ..trust import PemError

DEFAULT_PORT: Final = 1883

_SENTENCES: Final[Sentences] = {
    CertificateError: "mqtt_certificate_untrusted",
    RequestTimeoutError: "mqtt_timeout_connect",
    CannotConnectError: "mqtt_cannot_connect",
    AuthenticationError: "mqtt_invalid_auth",
    ProtocolError: "mqtt_not_understood",
    HomelabError: "unknown",
}

_BAD_CA: Final = Problem(errors={CONF_CA_PEM: "mqtt_ca_certificate_invalid"})
_BAD_CLIENT: Final = Problem(
    errors={CONF_CLIENT_PEM: "mqtt_client_certificate_invalid"}
)

_CORE_DOMAIN: Final = "mqtt"

_TEXT = TextSelector()
_USERNAME = TextSelector(TextSelectorConfig(autocomplete="username"))
_SECRET = TextSelector(
    TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="current-password")
)
_PEM = TextSelector(TextSelectorConfig(multiline=True))
_PORT = probatio.All(
    NumberSelector(
        NumberSelectorConfig(min=1, max=65535, step=1, mode=NumberSelectorMode.BOX)
    ),
    probatio.Coerce(int),
)
_ENCRYPTION = SelectSelector(
    SelectSelectorConfig(
        options=[choice.value for choice in Encryption],
        translation_key="encryption",
        mode=SelectSelectorMode.DROPDOWN,
    )
)

_LOGIN: Final = {
    probatio.Optional(CONF_USERNAME): _USERNAME,
    probatio.Optional(CONF_PASSWORD): _SECRET,
}
_BROKER: Final = probatio.Schema(
    {
        probatio.Required(CONF_HOST): _TEXT,
        probatio.Required(CONF_PORT, default=DEFAULT_PORT): _PORT,
        **_LOGIN,
        probatio.Required(CONF_ENCRYPTION, default=Encryption.NONE.value): _ENCRYPTION,
    }
)
_CERTIFICATES: Final = probatio.Schema(
    {
        probatio.Optional(CONF_CA_PEM): _PEM,
        probatio.Optional(CONF_CLIENT_PEM): _PEM,
        probatio.Optional(CONF_CLIENT_KEY_PEM): _PEM,
        probatio.Required(CONF_VERIFY_HOSTNAME, default=True): BooleanSelector(),
    }
)
_CERTIFICATE_FIELDS: Final = (
    CONF_CA_PEM,
    CONF_CLIENT_PEM,
    CONF_CLIENT_KEY_PEM,
    CONF_VERIFY_HOSTNAME,
)
# What is never shown again once it is stored; an empty field keeps it.
_SECRETS: Final = (CONF_PASSWORD, CONF_CLIENT_KEY_PEM)


class MqttSteps(HomelabSteps):
    """All steps: which broker, how to sign in, its certificates."""

    # --- how it begins --------------------------------------------------------------

    async def async_step_mqtt_start(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Offer Home Assistant's own broker, when there is one not yet set up here."""
        if self._mqtt_of_home_assistant() is None:
            return await self.async_step_mqtt_broker()
        return self.async_show_menu(
            step_id="mqtt_start", menu_options=["mqtt_same", "mqtt_broker"]
        )

    async def async_step_mqtt_same(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Use the broker of Home Assistant, and nothing has to be typed."""
        self._data = self._mqtt_of_home_assistant() or {}
        return await self._async_mqtt_connect("mqtt_broker")

    async def async_step_mqtt_reauth(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for a new login, because the one there is was refused."""
        if user_input is None:
            self._data = dict(self._entry.data)
            return self._mqtt_show("mqtt_reauth", NO_PROBLEM)
        self._mqtt_take(user_input, {CONF_USERNAME, CONF_PASSWORD})
        return await self._async_mqtt_connect("mqtt_reauth")

    async def async_step_mqtt_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Change the address, the login or the certificates."""
        self._data = dict(self._entry.data)
        return await self.async_step_mqtt_broker()

    def _mqtt_of_home_assistant(self) -> dict[str, Any] | None:
        """Return the broker that Home Assistant's own integration uses.

        A broker behind a web socket is not reached by what is used here.
        """
        for entry in self.hass.config_entries.async_entries(_CORE_DOMAIN):
            data = entry.data
            host = data.get("broker")
            if not host or data.get("transport", "tcp") != "tcp":
                continue
            found = _translate_core(data)
            if not self._mqtt_is_known(found):
                return found
        return None

    def _mqtt_is_known(self, data: Mapping[str, Any]) -> bool:
        return any(
            entry.data.get(CONF_KIND) == Kind.MQTT and _unique_id(entry.data) == unique
            for entry in self._async_current_entries()
            if (unique := _unique_id(data))
        )

    # --- where it is, and how to sign in --------------------------------------------

    async def async_step_mqtt_broker(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the address and the login."""
        if user_input is None:
            return self._mqtt_show("mqtt_broker", NO_PROBLEM)
        user_input[CONF_HOST] = user_input[CONF_HOST].strip()
        self._mqtt_take(user_input, set(_BROKER.schema))
        if not is_host(user_input[CONF_HOST]):
            problem = Problem(errors={CONF_HOST: "mqtt_host_invalid"})
            return self._mqtt_show("mqtt_broker", problem)
        if self._data[CONF_ENCRYPTION] == Encryption.OWN:
            return self._mqtt_show("mqtt_certificates", NO_PROBLEM)
        return await self._async_mqtt_connect("mqtt_broker")

    async def async_step_mqtt_certificates(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the certificates of the broker and of its client."""
        if user_input is None:
            return self._mqtt_show("mqtt_certificates", NO_PROBLEM)
        self._mqtt_take(user_input, set(_CERTIFICATE_FIELDS))
        return await self._async_mqtt_connect("mqtt_certificates")

    def _mqtt_take(self, user_input: Mapping[str, Any], fields: set[Any]) -> None:
        """Keep what was typed; a secret that was not typed again stays as it is."""
        names = {str(field) for field in fields}
        kept = {
            name: value
            for name, value in self._data.items()
            if name not in names or name in _SECRETS
        }
        self._data = {**kept, **{k: v for k, v in user_input.items() if v != ""}}
        if CONF_USERNAME in names and CONF_USERNAME not in self._data:
            self._data.pop(CONF_PASSWORD, None)

    def _mqtt_show(self, step_id: str, problem: Problem) -> ConfigFlowResult:
        shown = {k: v for k, v in self._data.items() if k not in _SECRETS}
        if step_id == "mqtt_certificates":
            form = self._show("mqtt_certificates", _CERTIFICATES, problem, shown)
        elif step_id == "mqtt_reauth":
            schema = probatio.Schema(_LOGIN)
            name = {"name": self._entry.title}
            form = self._show("mqtt_reauth", schema, problem, shown, name)
        else:
            form = self._show("mqtt_broker", _BROKER, problem, shown)
        return form

    # --- whether it answers ---------------------------------------------------------

    async def _async_mqtt_connect(self, step_id: str) -> ConfigFlowResult:
        """Sign in to the broker; what is wrong is told on the form of the step."""
        try:
            address = await async_address(self.hass, self._data)
        except PemError as err:
            return self._mqtt_show(
                "mqtt_certificates", _BAD_CA if err.part == "ca" else _BAD_CLIENT
            )
        outcome = await attempt(check_address(address), _SENTENCES)
        if isinstance(outcome, Problem):
            problem = Problem(
                errors=outcome.errors, placeholders={"address": str(address)}
            )
            return self._mqtt_show(step_id, problem)
        return await self._async_mqtt_finish()

    async def _async_mqtt_finish(self) -> ConfigFlowResult:
        if self.source != SOURCE_USER:
            return self.async_update_reload_and_abort(self._entry, data=self._data)
        if self._mqtt_is_known(self._data):
            return self.async_abort(reason="mqtt_already_configured")
        await self.async_set_unique_id(_unique_id(self._data), raise_on_progress=False)
        self._abort_if_unique_id_configured(error="mqtt_already_configured")
        return self.async_create_entry(
            title=f"MQTT {self._data[CONF_HOST]}",
            data={CONF_KIND: Kind.MQTT.value, **self._data},
        )


def _unique_id(data: Mapping[str, Any]) -> str:
    """Return the identity of a broker, which has no other than where it is."""
    return f"mqtt-{data[CONF_HOST].lower()}:{data[CONF_PORT]}"


def _translate_core(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of Home Assistant's own MQTT integration as ours."""
    certificate = data.get("certificate")
    pems = {
        CONF_CA_PEM: certificate if certificate != "auto" else None,
        CONF_CLIENT_PEM: data.get("client_cert"),
        CONF_CLIENT_KEY_PEM: data.get("client_key"),
    }
    insecure = bool(data.get("tls_insecure"))
    if any(pems.values()) or (certificate and insecure):
        encryption = Encryption.OWN
    else:
        encryption = Encryption.SYSTEM if certificate else Encryption.NONE
    found: dict[str, Any] = {
        CONF_HOST: data["broker"],
        CONF_PORT: data.get(CONF_PORT, DEFAULT_PORT),
        CONF_USERNAME: data.get(CONF_USERNAME),
        CONF_PASSWORD: data.get(CONF_PASSWORD),
        CONF_ENCRYPTION: encryption.value,
    }
    if encryption is Encryption.OWN:
        found |= {**pems, CONF_VERIFY_HOSTNAME: not insecure}
    return {name: value for name, value in found.items() if value not in (None, "")}
