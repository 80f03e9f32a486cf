"""The actions: what an automation or a person can ask for beyond the entities.

Each names its devices. Several are worked on side by side and all are brought to
their end; an error then names each one that failed, with its reason.
"""

from collections.abc import Mapping
from functools import partial
from typing import Final

from homeassistant.core import HomeAssistant, SupportsResponse, callback
from homeassistant.helpers import service

from ..const import DOMAIN
from .core import Spec, async_handle
from .names import Action, Field
from .proxmox import SPECS as PROXMOX
from .radios import SPECS as RADIOS

__all__ = ["SPECS", "Action", "Field", "async_setup_services"]

SPECS: Final[Mapping[Action, Spec]] = {**PROXMOX, **RADIOS}


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions; those that change something are for administrators."""
    for action, spec in SPECS.items():
        handler = partial(async_handle, spec)
        if spec.is_query:
            hass.services.async_register(
                DOMAIN, action, handler, spec.schema, SupportsResponse.ONLY
            )
        else:
            service.async_register_admin_service(
                hass, DOMAIN, action, handler, spec.schema, spec.response
            )
