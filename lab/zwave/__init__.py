"""A simulated Z-Wave JS server and zwave-js-ui, as far as clients can tell.

The messages, their order and the times are those of zwave-js server 3.10.2 with
zwave-js 15.29.0 and of zwave-js-ui 11.22.2.
"""

from lab.zwave.equipment import ZwaveServer
from lab.zwave.network import (
    ControllerStatus,
    InclusionState,
    Network,
    Node,
    NodeStatus,
)

__all__ = [
    "ControllerStatus",
    "InclusionState",
    "Network",
    "Node",
    "NodeStatus",
    "ZwaveServer",
]
