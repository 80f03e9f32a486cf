"""What the control page can do to a gateway, by name."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from lab.deconz.rest import Answer
from lab.equipment import Action

if TYPE_CHECKING:
    from lab.deconz.gateway import DeconzGateway

type Arguments = Mapping[str, Any]


def actions_of(gateway: DeconzGateway) -> Mapping[str, Action]:
    """Return the actions of one gateway."""
    return {
        "unlock": lambda given: gateway.gateway.unlock(float(given.get("seconds", 60))),
        "delete_keys": lambda given: gateway.gateway.keys.clear(),
        "lose_stick": partial(_set, gateway, "stick", False),
        "return_stick": partial(_set, gateway, "stick", True),
        "set_channel": lambda given: _set(
            gateway, "channel", int(given["channel"]), given
        ),
        "set_devicename": lambda given: _set(
            gateway, "device_name", str(given["devicename"]), given
        ),
        "down": lambda given: gateway.stop(),
        "up": lambda given: gateway.start(),
        "hang": lambda given: gateway.set_hanging(hanging=True),
        "recover": lambda given: gateway.set_hanging(hanging=False),
        "answer": partial(_answer, gateway),
        "close_websocket": lambda given: gateway.close_websocket(),
        "open_websocket": lambda given: gateway.open_websocket(),
        "silence_websocket": lambda given: gateway.set_speaking(speaking=False),
        "lose_websockets": lambda given: gateway.lose_websockets(),
        "add_device": lambda given: gateway.add_device(
            given["name"], given.get("kind", "light")
        ),
        "remove_device": lambda given: gateway.remove_device(given["name"]),
        "set_reachable": partial(_set_reachable, gateway),
        "clear": lambda given: gateway.clear_faults(),
    }


def _set(gateway: DeconzGateway, name: str, value: object, given: Arguments) -> None:
    setattr(gateway.gateway, name, value)


def _answer(gateway: DeconzGateway, given: Arguments) -> None:
    wanted = given.get("answer")
    gateway.faults.answer = Answer(wanted) if wanted else None


async def _set_reachable(gateway: DeconzGateway, given: Arguments) -> None:
    reachable = given.get("reachable", True) in (True, "true")
    await gateway.set_reachable(given["name"], reachable=reachable)
