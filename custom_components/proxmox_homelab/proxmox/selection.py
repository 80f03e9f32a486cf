"""Which guests the user wants to see."""

from collections.abc import Mapping
from typing import Any

from ..const import (
    CONF_EXCLUDE_GUESTS,
    CONF_EXCLUDE_POOLS,
    CONF_EXCLUDE_TAGS,
    CONF_INCLUDE_NEW,
    CONF_KNOWN_GUESTS,
)
from .models import Guest


class Selection:
    """The user's choice by guest, tag and pool, and for guests that come later."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Read the choice from the options of an entry."""
        self._guests = frozenset(options.get(CONF_EXCLUDE_GUESTS, ()))
        self._tags = frozenset(options.get(CONF_EXCLUDE_TAGS, ()))
        self._pools = frozenset(options.get(CONF_EXCLUDE_POOLS, ()))
        self._known: frozenset[int] | None = None
        if not options.get(CONF_INCLUDE_NEW, True):
            self._known = frozenset(options.get(CONF_KNOWN_GUESTS, ()))

    def keeps(self, guest: Guest) -> bool:
        """Say whether the user wants to see the guest; templates never count."""
        return not (
            guest.template
            or guest.vmid in self._guests
            or guest.pool in self._pools
            or not self._tags.isdisjoint(guest.tags)
            or (self._known is not None and guest.vmid not in self._known)
        )
