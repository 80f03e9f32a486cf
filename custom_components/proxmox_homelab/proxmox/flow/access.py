"""The three ways to an access, each checked with the access itself."""

from abc import abstractmethod
from typing import Any, Final, override

from homeassistant.config_entries import SOURCE_REAUTH, ConfigFlowResult
from homeassistant.const import CONF_PASSWORD, CONF_TOKEN, CONF_USERNAME

from ...const import CONF_AUTH, CONF_LEVEL, Auth
from ..connect import async_create_client
from ..credentials import PasswordCredentials, TokenFormatError, parse_token
from ..models import ClusterIdentity
from ..privileges import AccessLevel, pveum_block
from ..trust import fetch_certificate
from . import forms
from .connection import ConnectionSteps
from .found import (
    ACCESS_KEYS,
    async_identify,
    async_look,
    complete_username,
    token_access,
)
from .problems import NO_PROBLEM, Problem, attempt, explain_token

_ADMINISTRATOR: Final = "root@pam"
_WAYS: Final = ["proxmox_create_access", "proxmox_token_level", "proxmox_password"]


class AccessSteps(ConnectionSteps):
    """How Home Assistant signs in.

    What an administrator types is in no attribute of the flow: it lives as long as
    its step.
    """

    def __init__(self) -> None:
        """Start in the middle of the levels."""
        super().__init__()
        self._level = AccessLevel.CONTROL.value

    @abstractmethod
    async def _async_claim(self, identity: ClusterIdentity) -> ConfigFlowResult | None:
        """Take the identity for this flow; return why not when it is not its."""

    @override
    async def async_step_proxmox_access(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Offer the three ways to an access."""
        if self.source == SOURCE_REAUTH:
            return self.async_show_menu(
                step_id="proxmox_reauth",
                menu_options=_WAYS,
                description_placeholders={"name": self._entry.title},
            )
        return self.async_show_menu(
            step_id="proxmox_access",
            menu_options=_WAYS,
            description_placeholders={"address": str(self._address)},
        )

    async def async_step_proxmox_create_access(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Let an administrator sign in once to have the access made."""
        problem, username = NO_PROBLEM, _ADMINISTRATOR
        if user_input is not None:
            username = user_input[CONF_USERNAME]
            result = await self._async_create_access(user_input)
            if not isinstance(result, Problem):
                return result
            problem = result
        return self._ask(
            "proxmox_create_access",
            forms.CREATE_ACCESS,
            problem,
            {CONF_LEVEL: self._level, CONF_USERNAME: username},
        )

    async def _async_create_access(
        self, user_input: dict[str, Any]
    ) -> ConfigFlowResult | Problem:
        self._level = user_input[CONF_LEVEL]
        username = complete_username(user_input[CONF_USERNAME])
        if isinstance(username, Problem):
            return username
        administrator = PasswordCredentials(
            username=username,
            password=user_input[CONF_PASSWORD],
            totp=user_input.get(forms.CONF_TOTP, "").replace(" ", "") or None,
        )
        client = async_create_client(self.hass, self._data, administrator)
        seen = await attempt(async_identify(client))
        if isinstance(seen, Problem):
            return await self._async_unless_certificate(seen)
        version, identity = seen
        # Nothing is made in a cluster that is set up already, or that is another one.
        if (refusal := await self._async_claim(identity)) is not None:
            return refusal
        token = await attempt(client.set_up_access(AccessLevel(self._level), version))
        if isinstance(token, Problem):
            return token
        return await self._async_try(token_access(token, self._level))

    async def async_step_proxmox_token_level(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask how much the token is to allow, to show the commands that make it."""
        if user_input is None:
            return self._ask(
                "proxmox_token_level",
                forms.LEVEL,
                suggested={CONF_LEVEL: self._level},
            )
        self._level = user_input[CONF_LEVEL]
        return await self.async_step_proxmox_token()

    async def async_step_proxmox_token(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Take a token, as `user@realm!name=secret`."""
        problem = NO_PROBLEM
        if user_input is not None:
            result = await self._async_paste(user_input[CONF_TOKEN])
            if not isinstance(result, Problem):
                return result
            problem = result
        level = AccessLevel(self._level)
        return self._ask(
            "proxmox_token",
            forms.TOKEN,
            problem,
            placeholders={
                "commands": pveum_block(level, 9),
                "commands_before_9": pveum_block(level, 8),
            },
        )

    async def _async_paste(self, text: str) -> ConfigFlowResult | Problem:
        try:
            token = parse_token(text)
        except TokenFormatError as err:
            return explain_token(err)
        return await self._async_try(token_access(token, self._level))

    async def async_step_proxmox_password(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Take the name and the password of an account without a second factor."""
        problem, username = NO_PROBLEM, ""
        if user_input is not None:
            username = user_input[CONF_USERNAME]
            result = await self._async_sign_in(username, user_input[CONF_PASSWORD])
            if not isinstance(result, Problem):
                return result
            problem = result
        return self._ask(
            "proxmox_password", forms.PASSWORD, problem, {CONF_USERNAME: username}
        )

    async def _async_sign_in(
        self, typed: str, password: str
    ) -> ConfigFlowResult | Problem:
        username = complete_username(typed)
        if isinstance(username, Problem):
            return username
        return await self._async_try(
            {
                CONF_AUTH: Auth.PASSWORD.value,
                CONF_USERNAME: username,
                CONF_PASSWORD: password,
                CONF_LEVEL: AccessLevel.EVERYTHING.value,
            }
        )

    async def _async_try(self, access: dict[str, Any]) -> ConfigFlowResult | Problem:
        """Go on with an access when the cluster accepts it."""
        others = {k: v for k, v in self._data.items() if k not in ACCESS_KEYS}
        data = {**others, **access}
        found = await attempt(async_look(self._client(data)))
        if isinstance(found, Problem):
            return await self._async_unless_certificate(found)
        self._data = data
        return await self._async_use(found)

    async def _async_unless_certificate(
        self, problem: Problem
    ) -> ConfigFlowResult | Problem:
        """Return a problem, but have another certificate compared at once.

        That it is publicly trusted does not matter here: Home Assistant's authorities
        need not be those of the system.
        """
        if not problem.certificate:
            return problem
        address = self._address
        presented = await attempt(fetch_certificate(address.host, address.port))
        if isinstance(presented, Problem):
            return presented
        return self._show_certificate(presented)
