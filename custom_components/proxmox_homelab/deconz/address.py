"""The address of a gateway that a person types or pastes."""

from urllib.parse import urlsplit

from homeassistant.util.network import is_host_valid, is_ip_address

from .client import DEFAULT_PORT


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of a name, `host:port`, an IP or a copied web address.

    The interface speaks plain HTTP: the port of a secure address is another one.
    Raises `ValueError` when there is no address in it.
    """
    text = text.strip()
    if is_ip_address(text):
        return text, DEFAULT_PORT
    parts = urlsplit(text if "://" in text else f"//{text}")
    host = parts.hostname or ""
    if parts.port == 0 or not is_host_valid(host):
        raise ValueError("no address in the text")
    if parts.scheme == "https":
        return host, DEFAULT_PORT
    return host, parts.port or DEFAULT_PORT


def address_text(host: str, port: int) -> str:
    """Return the form that can be typed again."""
    name = f"[{host}]" if ":" in host else host
    return name if port == DEFAULT_PORT else f"{name}:{port}"
