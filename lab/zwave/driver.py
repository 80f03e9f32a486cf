"""The simulated driver: how it speaks with the stick, and what happens when it cannot.

The times are those of zwave-js 15.29.0, in seconds: a stick that hangs is noticed with
the next command, and the driver polls the background noise every 30 s by itself. It
then opens the serial port again and calls the stick ready without knowing it, so that
a stick that keeps hanging is unresponsive for 6 s and "ready" for up to 24 s, in turn.
"""

import asyncio
from collections.abc import Callable, Mapping
import contextlib
from typing import Any

from lab.zwave.network import (
    ControllerStatus,
    Counters,
    InclusionState,
    Network,
    Node,
    NodeStatus,
)

STATISTICS_EVERY = 30.0
"""How often the background noise is polled, which makes a statistics event."""
NO_ANSWER_AFTER = 4.8
"""When the missing acknowledgement of a command is noticed: status unresponsive."""
COMMAND_FAILS_AFTER = 4.8
"""When the command fails for good, counted from there."""
REOPENED_AFTER = 1.3
"""When the serial port is open again and the status ready, counted from there."""
LINK_PATIENCE = 12.5
"""How long a lost link to the stick is tried to be opened before the driver fails."""
BACK_AFTER = 2.5
"""How long after the stick the driver is ready again, about."""
PING_PATIENCE = 1.0
"""When a node that does not acknowledge is called dead."""

type Emit = Callable[[dict[str, Any]], None]
type Happening = Callable[[], object]


class ZwaveError(Exception):
    """The driver refuses or fails a command, with the code of zwave-js."""

    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.name = name


class Driver:
    """The driver of one stick.

    `scaled` turns its seconds into the lab's. `emit` gets the events that clients
    hear, `on_failed` and `on_ready` are called when the driver gives the stick up and
    when it has it again.
    """

    def __init__(
        self,
        network: Network,
        scaled: Callable[[float], float],
        emit: Emit,
    ) -> None:
        self.network = network
        self.scaled = scaled
        self.emit = emit
        self.ready = False
        self.jammed = False
        self.on_failed: Happening = lambda: None
        self.on_ready: Happening = lambda: None
        self._hears = asyncio.Event()
        self._hears.set()
        self._linked = asyncio.Event()
        self._linked.set()
        self._lost = asyncio.Event()
        self._queue = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._reopening: asyncio.Task[None] | None = None

    # --- life ------------------------------------------------------------------------

    def start(self) -> None:
        """Begin with the stick, if it is there."""
        self._spawn(self._run())

    async def stop(self) -> None:
        """End."""
        self.ready = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self._reopening = None
        self._queue = asyncio.Lock()

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self) -> None:
        while True:
            if not self._linked.is_set():
                await self._linked.wait()
                await asyncio.sleep(self.scaled(BACK_AFTER))
                self.network.counters = Counters(sent=7, received=12)
                self.network.heard = False
            self._set_status(ControllerStatus.READY)
            self.ready = True
            self.on_ready()
            await self._serve()
            self.ready = False
            self.on_failed()

    async def _serve(self) -> None:
        """Poll the stick until the link to it was lost for too long."""
        polling = self._spawn(self._poll())
        try:
            while True:
                await self._lost.wait()
                try:
                    async with asyncio.timeout(self.scaled(LINK_PATIENCE)):
                        await self._linked.wait()
                except TimeoutError:
                    return
        finally:
            polling.cancel()

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self.scaled(STATISTICS_EVERY))
            if not self.network.noise:
                continue
            with contextlib.suppress(ZwaveError):
                await self.background_noise()

    # --- faults ----------------------------------------------------------------------

    @property
    def muted(self) -> bool:
        """Whether the stick takes commands and answers none."""
        return not self._hears.is_set()

    @property
    def linked(self) -> bool:
        """Whether the serial link to the stick is there."""
        return self._linked.is_set()

    def mute(self) -> None:
        """Let the stick hang: nobody notices before the next command."""
        self._hears.clear()

    def unmute(self) -> None:
        """Let it answer again."""
        self._hears.set()

    def lose_link(self, seconds: float | None = None) -> None:
        """Take the serial link away, for so many seconds of the real driver."""
        self._linked.clear()
        self._lost.set()
        if seconds is not None:
            asyncio.get_running_loop().call_later(
                self.scaled(seconds), self.restore_link
            )

    def restore_link(self) -> None:
        """Give it back."""
        self._lost.clear()
        self._linked.set()

    def jam(self) -> None:
        """Let the stick fail to transmit, which its traffic shows at once."""
        self.jammed = True
        self._set_status(ControllerStatus.JAMMED)

    def unjam(self) -> None:
        """Let it transmit again."""
        self.jammed = False
        self._set_status(ControllerStatus.READY)

    def _set_status(self, status: ControllerStatus) -> None:
        if status is not self.network.status:
            self.network.status = status
            self.tell("status changed", status=status.value)

    # --- what it says ----------------------------------------------------------------

    def tell(self, event: str, **more: object) -> None:
        """Send an event of the controller."""
        self.emit({"source": "controller", "event": event, **more})

    def tell_of_node(self, event: str, node_id: int, **more: object) -> None:
        """Send an event of a node."""
        self.emit({"source": "node", "event": event, "nodeId": node_id, **more})

    def tell_statistics(self) -> None:
        """Send what is counted."""
        self.tell("statistics updated", statistics=self.network.statistics())

    # --- the stick -------------------------------------------------------------------

    async def background_noise(self) -> Mapping[str, int]:
        """Ask the stick how loud it is around it."""
        if not self.network.noise:
            raise ZwaveError(
                105,
                "Driver_NotSupported",
                "Your hardware does not support the GetBackgroundRSSI function"
                " (ZW0105)",
            )
        await self.exchange()
        self.network.heard = True
        self.tell_statistics()
        self.network.counters.sent += 1
        self.tell_statistics()
        return {
            f"rssiChannel{number}": level
            for number, level in enumerate(self.network.noise)
        }

    async def exchange(self) -> None:
        """Send the stick a command and wait for its answer."""
        async with self._queue:
            if self._reopening is not None:
                await self._reopening
            await self._linked.wait()
            if await self._answers_within(NO_ANSWER_AFTER):
                self.network.counters.received += 1
                return
            self._set_status(ControllerStatus.UNRESPONSIVE)
            if await self._answers_within(COMMAND_FAILS_AFTER):
                self._set_status(ControllerStatus.READY)
                return
            self._reopening = self._spawn(self._reopen())
            raise ZwaveError(
                200,
                "Controller_Timeout",
                "Timeout while waiting for an ACK from the controller (ZW0200)",
            )

    async def _reopen(self) -> None:
        await asyncio.sleep(self.scaled(REOPENED_AFTER))
        self._reopening = None
        self._set_status(ControllerStatus.READY)

    async def _answers_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(self.scaled(seconds)):
                await self._hears.wait()
        except TimeoutError:
            return False
        return True

    # --- nodes -----------------------------------------------------------------------

    async def ping(self, node_id: int) -> bool:
        """Ask a node for a sign of life."""
        node = self.network.nodes[node_id]
        await self.exchange()
        if not node.answers:
            await asyncio.sleep(self.scaled(PING_PATIENCE))
            self.set_node_status(node, NodeStatus.DEAD)
            return False
        if node.listening:
            self.set_node_status(node, NodeStatus.ALIVE)
        return True

    def set_node_status(self, node: Node, status: NodeStatus) -> None:
        """Let a node be different from now on, and say so."""
        old, node.status = node.status, status
        event = {
            NodeStatus.ALIVE: "alive",
            NodeStatus.DEAD: "dead",
            NodeStatus.ASLEEP: "sleep",
            NodeStatus.AWAKE: "wake up",
        }.get(status)
        if event is not None and old is not status:
            self.tell_of_node(event, node.node_id, oldStatus=old.value)

    def set_inclusion(self, state: InclusionState) -> None:
        """Begin or end to include or exclude, and say so."""
        old, self.network.inclusion = self.network.inclusion, state
        if old is state:
            return
        self.tell("inclusion state changed", state=state.value)
        for kind, word in (
            (InclusionState.INCLUDING, "inclusion"),
            (InclusionState.EXCLUDING, "exclusion"),
        ):
            if old is kind:
                self.tell(f"{word} stopped")
            elif state is kind:
                self.tell(f"{word} started", strategy=2)

    def add_node(self, node: Node) -> None:
        """Let a node join, with everything that the server says on the way."""
        node_id = node.node_id
        self.set_inclusion(InclusionState.BUSY)
        self.tell("node found", node={"nodeId": node_id, "deviceClass": None})
        self.set_inclusion(InclusionState.IDLE)
        self.network.add(node)
        shown = node.dump()
        early = {key: shown[key] for key in shown if key != "deviceConfig"}
        self.tell("node added", node={**early, "ready": False}, result={})
        self.tell_of_node("interview started", node_id)
        self.tell_of_node("ready", node_id, nodeState=shown)
        self.tell_of_node("interview completed", node_id)

    def remove_node(self, node_id: int) -> None:
        """Let a node leave."""
        node = self.network.nodes.pop(node_id)
        self.tell("node removed", node=node.dump(), reason=0)
