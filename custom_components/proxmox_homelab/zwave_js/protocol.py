"""The messages of the websocket: what is sent, and what comes back."""

from collections.abc import Mapping, Sequence
import json
from typing import Any, Final

from yarl import URL

from ..address import parse_typed
from ..errors import (
    CommandRefusedError,
    CommandTimeoutError,
    HomelabError,
    NotFoundError,
    ProtocolError,
    UnsupportedVersionError,
)
from .models import ServerVersion

# The form of the errors changed with 32. Up to 44 nothing that is kept changed, and
# newer servers go on speaking the older forms.
OLDEST_SCHEMA: Final = 32
NEWEST_SCHEMA: Final = 44

LARGEST_MESSAGE: Final = 64 << 20
# Above this a message is decoded away from the event loop; 100 kB take about 1 ms.
LARGE_MESSAGE: Final = 100_000

_CONTROLLER_TIMEOUT: Final = "Controller_Timeout"
_NOT_SUPPORTED: Final = frozenset({"Controller_NotSupported", "Driver_NotSupported"})


def choose_schema(version: ServerVersion) -> int:
    """Return the schema to speak; `UnsupportedVersionError` for too old a server."""
    schema = min(version.schemas[1], NEWEST_SCHEMA)
    if schema < OLDEST_SCHEMA:
        raise UnsupportedVersionError(
            f"the server speaks schema {schema} at most",
            version=str(schema),
            needed=str(OLDEST_SCHEMA),
        )
    return schema


def encode(message_id: str, command: str, arguments: Mapping[str, Any]) -> str:
    """Return a command as it is sent."""
    return json.dumps({"messageId": message_id, "command": command, **arguments})


def decode(text: str) -> dict[str, Any]:
    """Return a message; `ProtocolError` for anything but a JSON object."""
    return _object(text, None)


def decode_large(text: str) -> dict[str, Any]:
    """Return a message without the values of the nodes, which are most of it.

    For a thread of its own. The decoder is one call into C that keeps the interpreter
    to itself; the hook is Python, and that is where the event loop gets its turn.
    """
    return _object(text, _without_values)


def _without_values(found: dict[str, Any]) -> dict[str, Any] | None:
    return None if "commandClass" in found else found


def _object(text: str, hook: Any) -> dict[str, Any]:
    try:
        found = json.loads(text, object_hook=hook)
    except (ValueError, RecursionError) as err:
        raise ProtocolError("a message is no JSON") from err
    if not isinstance(found, dict):
        raise ProtocolError("a message is no object")
    return found


def result_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a command was answered; raise the error that it was answered."""
    if answer.get("success") is not True:
        raise _error(answer)
    result = answer.get("result")
    return result if isinstance(result, dict) else {}


def _error(answer: Mapping[str, Any]) -> HomelabError:
    code = str(answer.get("errorCode"))
    match code:
        case "zwave_error":
            return _zwave_error(answer)
        case "unknown_command" | "node_not_found":
            return NotFoundError(code)
        case "schema_incompatible":
            return UnsupportedVersionError(code, version="?", needed=str(OLDEST_SCHEMA))
    return CommandRefusedError(code, reason=str(answer.get("message") or code))


def _zwave_error(answer: Mapping[str, Any]) -> HomelabError:
    name = str(answer.get("zwaveErrorCodeName"))
    if name == _CONTROLLER_TIMEOUT:
        return CommandTimeoutError("the stick does not answer", seconds="10")
    if name in _NOT_SUPPORTED:
        return NotFoundError(name)
    return CommandRefusedError(name, reason=str(answer.get("zwaveErrorMessage")))


def websocket_url(address: str) -> str:
    """Return the address of a server from what a person types; `ValueError` for none.

    `host`, `host:3000`, `ws://host:3000` and `wss://host` are understood.
    """
    return _url(address, plain=("ws", "http"), secure=("wss", "https"), port=3000)


def ui_url(address: str) -> str:
    """Return the address of zwave-js-ui likewise: `host`, `http://host:8091`."""
    return _url(address, plain=("http",), secure=("https",), port=8091)


def _url(
    address: str, *, plain: Sequence[str], secure: Sequence[str], port: int
) -> str:
    typed = parse_typed(address, (*plain, *secure))
    if typed.has_login:
        raise ValueError("no address but a login")
    is_secure = typed.scheme in secure
    return str(
        URL.build(
            scheme=secure[0] if is_secure else plain[0],
            host=typed.host,
            port=typed.port or (None if is_secure else port),
            path=typed.path.rstrip("/"),
        )
    )
