"""What the rows of entity tables have in common, whatever the source."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from homeassistant.const import EntityCategory

# A reading for people who look closer: registered, and off until somebody wants it.
ON_REQUEST: Final[dict[str, Any]] = {
    "entity_category": EntityCategory.DIAGNOSTIC,
    "entity_registry_enabled_default": False,
}

# A command: neither an area nor a voice command reaches this category.
COMMAND: Final[dict[str, Any]] = {
    "entity_category": EntityCategory.CONFIG,
    "entity_registry_enabled_default": False,
}


def closing(ends_at: datetime | None) -> Mapping[str, Any]:
    """Return the attributes of an open network that closes by itself, if it does."""
    return {"ends_at": ends_at and ends_at.isoformat(timespec="seconds")}
