"""The addresses that people type or paste, and the forms that can be typed again."""

from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address
import re
from typing import Final
from urllib.parse import unquote, urlsplit

# RFC 1123, and the underscore that home routers hand out nevertheless.
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)
_LONGEST_NAME: Final = 253


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedAddress:
    """What was typed, taken apart.

    scheme, path: "" when there was none.
    host: in lower case, an IPv6 address without brackets.
    port: None when there was none.
    has_login: a name or a password stood before the host.
    """

    scheme: str
    host: str
    port: int | None
    path: str
    has_login: bool


def parse_typed(text: str, schemes: Collection[str] | None = None) -> TypedAddress:
    """Take apart a host name, `host:port`, an IP or a copied web address.

    schemes: which ones an address may begin with, any when None.
    Raises `ValueError` when there is no such address in it.
    """
    text = text.strip()
    if _is_ip(text):
        return TypedAddress(
            scheme="", host=text.lower(), port=None, path="", has_login=False
        )
    parts = urlsplit(text if "://" in text else f"//{text}")
    host = parts.hostname or ""
    if parts.port == 0 or not is_host(host):
        raise ValueError("no address in the text")
    if parts.scheme and schemes is not None and parts.scheme not in schemes:
        raise ValueError("an address of something else")
    return TypedAddress(
        scheme=parts.scheme,
        host=host,
        port=parts.port,
        path=unquote(parts.path),
        has_login="@" in parts.netloc,
    )


def is_host(text: str) -> bool:
    """Say whether a text can be a host name or an IP, and nothing else."""
    return _is_ip(text) or _is_name(text)


def url_host(host: str) -> str:
    """Return a host as it stands in front of a port: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def address_text(host: str, port: int, default_port: int) -> str:
    """Return the form that can be typed again, without a port that goes unsaid."""
    return url_host(host) if port == default_port else f"{url_host(host)}:{port}"


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
