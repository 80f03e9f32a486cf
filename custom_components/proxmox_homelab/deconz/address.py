"""The address of a gateway."""

from ..address import address_text as text_of, parse_typed
from .client import DEFAULT_PORT


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port in what a person typed; `ValueError` when there are none.

    The interface speaks plain HTTP: the port of a secure address is another one.
    """
    typed = parse_typed(text)
    if typed.scheme == "https":
        return typed.host, DEFAULT_PORT
    return typed.host, typed.port or DEFAULT_PORT


def address_text(host: str, port: int) -> str:
    """Return the form that can be typed again."""
    return text_of(host, port, DEFAULT_PORT)
