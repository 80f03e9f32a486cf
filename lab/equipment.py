"""What every simulated radio system has: a port, a condition, and things done to it.

Brokers, bridges and gateways are each built by their class from a section of a
scenario, started and stopped with the lab or with the guest that they run in, and
shown on the control page.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

type Action = Callable[[Mapping[str, Any]], Awaitable[object] | object]
"""One thing that can be done from the control page; its arguments are JSON.

It raises `ValueError` or `KeyError` for arguments that make no sense.
"""


class Equipment(Protocol):
    """A simulated radio system.

    Its class has a classmethod `from_description(found, settings)` that takes an entry
    of its scenario section and raises `ScenarioError` for what cannot be. The key
    `guest` of an entry, the guest that it runs in, is read and removed by the lab.
    """

    @property
    def name(self) -> str:
        """What it is called; the name is its own within a lab."""

    @property
    def kind(self) -> str:
        """What it is: `broker`, `zigbee2mqtt`, `zwave_js` or `deconz`."""

    @property
    def port(self) -> int | None:
        """Its port on 127.0.0.1, or None: before the first start, or without one."""

    @property
    def actions(self) -> Mapping[str, Action]:
        """What can be done to it, by names such as `hang_stick`."""

    async def start(self) -> None:
        """Begin; after a `stop` again, on the same port. Running already is fine."""

    async def stop(self) -> None:
        """End in an orderly way and leave nothing behind. Stopped already is fine."""

    def state(self) -> dict[str, Any]:
        """Return what the control page shows, as JSON.

        `name`, `kind`, `port`, `condition` (one word such as `online`, `stopped`) and
        `faults` (a list of the names of what is wrong with it on purpose).
        """
