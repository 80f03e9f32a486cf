"""The address of a member of a cluster."""

from dataclasses import dataclass

from ...address import address_text, parse_typed
from ...const import DEFAULT_PORT


@dataclass(frozen=True, slots=True)
class Address:
    """Where a member of a cluster answers."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return the form that can be typed again."""
        return address_text(self.host, self.port, DEFAULT_PORT)


def parse_address(text: str) -> Address:
    """Return the address in what a person typed; `ValueError` when there is none."""
    typed = parse_typed(text)
    return Address(typed.host, typed.port or DEFAULT_PORT)
