"""The address that a person types or pastes, taken apart."""

from dataclasses import dataclass
from ipaddress import ip_address
import re
from typing import Final
from urllib.parse import urlsplit

from ...const import DEFAULT_PORT

# RFC 1123, and the underscore that home routers hand out nevertheless.
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)
_LONGEST_NAME: Final = 253


@dataclass(frozen=True, slots=True)
class Address:
    """Where a member of a cluster answers."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return the form that can be typed again."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORT else f"{host}:{self.port}"


def parse_address(text: str) -> Address:
    """Return the address in a host name, `host:port`, an IP or a copied web address.

    Raises `ValueError` when there is none in it.
    """
    text = text.strip()
    if _is_ip(text):
        return Address(text.lower(), DEFAULT_PORT)
    parts = urlsplit(text if "://" in text else f"//{text}")
    host = parts.hostname or ""
    if parts.port == 0 or not (_is_ip(host) or _is_name(host)):
        raise ValueError("no address in the text")
    return Address(host, parts.port or DEFAULT_PORT)


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_name(text: str) -> bool:
    """Say whether it can be a host name; figures alone are a mistyped IP."""
    labels = text.removesuffix(".").split(".")
    return (
        len(text) <= _LONGEST_NAME
        and all(map(_LABEL.fullmatch, labels))
        and not all(label.isdigit() for label in labels)
    )
