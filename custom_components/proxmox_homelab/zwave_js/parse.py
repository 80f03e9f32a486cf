"""From what the server sends to models: what makes no sense is None or left out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from enum import IntEnum
from typing import Any, Final

from ..errors import ProtocolError
from ..values import count, mapping, objects, required_mapping, text
from .models import (
    Controller,
    ControllerStatus,
    InclusionState,
    Network,
    Node,
    NodeStatus,
    ServerVersion,
    Statistics,
    UiVersion,
)

type Json = Mapping[str, Any]

# Levels from here on are no levels but words: nothing heard, overdriven, unknown.
_RSSI_WORDS: Final = 125
_CHANNELS: Final = range(4)
_INCLUSION_STATES: Final = tuple(InclusionState)
# From this schema on the state is told; before, what begins and ends.
_TELLS_INCLUSION_STATE: Final = 38
_OLD_INCLUSION_EVENTS: Final = {
    "inclusion started": InclusionState.INCLUDING,
    "inclusion stopped": InclusionState.IDLE,
    "inclusion failed": InclusionState.IDLE,
    "exclusion started": InclusionState.EXCLUDING,
    "exclusion stopped": InclusionState.IDLE,
    "exclusion failed": InclusionState.IDLE,
}
_NODE_EVENTS: Final = {
    "alive": NodeStatus.ALIVE,
    "dead": NodeStatus.DEAD,
    "sleep": NodeStatus.ASLEEP,
    "wake up": NodeStatus.AWAKE,
}


def parse_version(data: Json) -> ServerVersion:
    """Return the first message of a server; `ProtocolError` when it is none."""
    home_id = count(data.get("homeId"))
    oldest = count(data.get("minSchemaVersion"))
    newest = count(data.get("maxSchemaVersion"))
    if data.get("type") != "version" or home_id is None or newest is None:
        raise ProtocolError("the first message is not the version of a Z-Wave server")
    return ServerVersion(
        home_id=home_id,
        driver=text(data.get("driverVersion")),
        server=text(data.get("serverVersion")),
        schemas=(oldest or 0, newest),
    )


def parse_network(result: Json, version: ServerVersion) -> Network:
    """Return the state that `start_listening` answers."""
    state = required_mapping(result.get("state"), "the state")
    return Network(
        version=version,
        controller=parse_controller(
            required_mapping(state.get("controller"), "controller")
        ),
        nodes={node.node_id: node for node in _nodes(state.get("nodes"))},
    )


def parse_controller(data: Json) -> Controller:
    """Return the controller; `ProtocolError` when it has no identity."""
    home_id = count(data.get("homeId"))
    if home_id is None:
        raise ProtocolError("the controller has no home id")
    functions = data.get("supportedFunctionTypes")
    return Controller(
        home_id=home_id,
        own_node_id=count(data.get("ownNodeId")),
        status=_member(ControllerStatus, data.get("status")),
        inclusion=_inclusion(data.get("inclusionState")),
        firmware=text(data.get("firmwareVersion")),
        functions=frozenset(
            number
            for number in (functions if isinstance(functions, list) else ())
            if type(number) is int
        ),
        statistics=parse_statistics(data.get("statistics")),
    )


def parse_statistics(data: object) -> Statistics | None:
    """Return the statistics of the controller, None without any."""
    if not isinstance(data, dict):
        return None
    return Statistics(
        received=count(data.get("messagesRX")),
        dropped_received=count(data.get("messagesDroppedRX")),
        dropped_sent=count(data.get("messagesDroppedTX")),
        nak=count(data.get("NAK")),
        can=count(data.get("CAN")),
        timeout_ack=count(data.get("timeoutACK")),
        timeout_response=count(data.get("timeoutResponse")),
        timeout_callback=count(data.get("timeoutCallback")),
        noise=dict(_noise(mapping(data.get("backgroundRSSI")))),
    )


def parse_node(data: object) -> Node | None:
    """Return a node, None for what is none."""
    if not isinstance(data, dict) or (node_id := count(data.get("nodeId"))) is None:
        return None
    known = mapping(data.get("deviceConfig"))
    return Node(
        node_id=node_id,
        status=_member(NodeStatus, data.get("status")) or NodeStatus.UNKNOWN,
        is_controller=data.get("isControllerNode") is True,
        name=text(data.get("name")),
        manufacturer=text(known.get("manufacturer")),
        product=text(known.get("label")) or text(data.get("label")),
    )


def parse_ui_version(data: object) -> UiVersion:
    """Return what `/version` of zwave-js-ui answers; `ProtocolError` for all else."""
    found = required_mapping(data, "the version")
    version = text(found.get("appVersion"))
    if version is None:
        raise ProtocolError("the version of zwave-js-ui is missing")
    return UiVersion(
        ui=version,
        driver=text(found.get("zwavejs")),
        server=text(found.get("zwavejsServer")),
    )


def apply_event(network: Network, event: object, schema: int) -> Network:
    """Return the network after an event; the same one if nothing kept has changed."""
    if not isinstance(event, dict):
        return network
    match event.get("source"), event.get("event"):
        case "controller", str(name) if change := _CONTROLLER_EVENTS.get(name):
            return change(network, event)
        case "controller", str(name) if schema < _TELLS_INCLUSION_STATE:
            return _with_inclusion(network, _OLD_INCLUSION_EVENTS.get(name))
        case "node", str(name) if (status := _NODE_EVENTS.get(name)) is not None:
            return _with_node_status(network, event, status)
        case "node", "ready":
            return _with_node(network, event.get("nodeState"))
    return network


def with_controller(network: Network, controller: Controller) -> Network:
    """Return the network with what is known of the controller now."""
    if controller == network.controller:
        return network
    return replace(network, controller=controller)


def _controller_status(network: Network, event: Json) -> Network:
    status = _member(ControllerStatus, event.get("status"))
    return with_controller(network, replace(network.controller, status=status))


def _inclusion_state(network: Network, event: Json) -> Network:
    state = _inclusion(event.get("state"))
    return with_controller(network, replace(network.controller, inclusion=state))


def _statistics_updated(network: Network, event: Json) -> Network:
    found = parse_statistics(event.get("statistics"))
    if found is None:
        return network
    return with_controller(network, replace(network.controller, statistics=found))


def _with_inclusion(network: Network, state: InclusionState | None) -> Network:
    if state is None:
        return network
    return with_controller(network, replace(network.controller, inclusion=state))


def _node_added(network: Network, event: Json) -> Network:
    return _with_node(network, event.get("node"))


def _node_removed(network: Network, event: Json) -> Network:
    node = parse_node(event.get("node"))
    if node is None or node.node_id not in network.nodes:
        return network
    nodes = {key: known for key, known in network.nodes.items() if key != node.node_id}
    return replace(network, nodes=nodes)


_CONTROLLER_EVENTS: Final[Mapping[str, Callable[[Network, Json], Network]]] = {
    "status changed": _controller_status,
    "statistics updated": _statistics_updated,
    "inclusion state changed": _inclusion_state,
    "node added": _node_added,
    "node removed": _node_removed,
}


def _with_node(network: Network, data: object) -> Network:
    node = parse_node(data)
    if node is None or network.nodes.get(node.node_id) == node:
        return network
    return replace(network, nodes={**network.nodes, node.node_id: node})


def _with_node_status(network: Network, event: Json, status: NodeStatus) -> Network:
    node_id = count(event.get("nodeId"))
    node = None if node_id is None else network.nodes.get(node_id)
    if node is None or node.status is status:
        return network
    changed = replace(node, status=status)
    return replace(network, nodes={**network.nodes, node.node_id: changed})


def _nodes(data: object) -> Iterator[Node]:
    for found in objects(data):
        if (node := parse_node(found)) is not None:
            yield node


def _noise(data: Json) -> Iterator[tuple[int, int | None]]:
    for number in _CHANNELS:
        channel = data.get(f"channel{number}")
        if isinstance(channel, dict):
            level = channel.get("current")
            is_level = type(level) is int and level < _RSSI_WORDS
            yield number, level if is_level else None


def _inclusion(value: object) -> InclusionState | None:
    number = count(value)
    if number is None or number >= len(_INCLUSION_STATES):
        return None
    return _INCLUSION_STATES[number]


def _member[MemberT: IntEnum](kind: type[MemberT], value: object) -> MemberT | None:
    return kind(value) if type(value) is int and value in kind else None
