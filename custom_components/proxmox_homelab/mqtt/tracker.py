"""One Zigbee2MQTT bridge, put together from what it publishes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
import logging
from typing import Final

from ..errors import ProtocolError
from .models import Bridge, BridgeInfo, Radio, RadioFault
from .parse import parse_devices, parse_health, parse_info, parse_online
from .protocol import (
    REQUESTS,
    availability_topic,
    is_topic,
    part_topic,
    response_topic,
)
from .silence import Traffic

_LOGGER = logging.getLogger(__name__)

_PART_OF_STATE: Final = "state"

type Handler = Callable[[bytes], None]


class BridgeTracker:
    """What is known of the bridge with one base topic.

    A topic that ends like the state of a bridge may belong to another program: only
    `is_confirmed` makes it a bridge.

    restarts: how often it was seen going offline.
    is_counted: whether `bridge.offline` is up to date. The bridge says of all devices
        at once whether they are there, so somebody has to call `count_offline` later.
    """

    def __init__(self, base: str, on_answer: Handler, *, confirmed: bool) -> None:
        """Start with nothing known but whether it was a bridge before."""
        self.bridge = Bridge(base=base)
        self.is_confirmed = confirmed
        self.is_probeable = True
        self.restarts = 0
        self.is_counted = True
        self._on_answer = on_answer
        self._availability: dict[str, bool] = {}
        self._traffic = Traffic()
        self._taken: dict[str, int] = {}

    # --- topics ---------------------------------------------------------------------

    @property
    def topics(self) -> Mapping[str, Handler]:
        """What has to be subscribed now, and who takes it."""
        base = self.bridge.base
        taken: dict[str, Handler] = {
            part_topic(base, "state"): self._taker("state", self._take_state),
            part_topic(base, "info"): self._taker("info", self._take_info),
            part_topic(base, "devices"): self._taker("devices", self._take_devices),
            part_topic(base, "health"): self._taker("health", self._take_health),
        }
        taken |= {response_topic(base, name): self._on_answer for name in REQUESTS}
        if self.bridge.info is not None and self.bridge.info.availability:
            for device in self.bridge.devices or ():
                topic = availability_topic(base, device.name)
                if is_topic(topic):
                    taken[topic] = self._taker_of_availability(device.name)
        return taken

    def _taker(self, part: str, take: Handler) -> Handler:
        def handle(payload: bytes) -> None:
            # A join publishes the same large list six times. The state is the
            # exception: that it was said again is news after a reconnect.
            if part != _PART_OF_STATE:
                digest = hash(payload)
                if self._taken.get(part) == digest:
                    return
                self._taken[part] = digest
            try:
                take(payload)
            except ProtocolError as err:
                _LOGGER.debug("%s: %s", self.bridge.base, err)

        return handle

    def _taker_of_availability(self, name: str) -> Handler:
        def handle(payload: bytes) -> None:
            online = parse_online(payload)
            if online is self._availability.get(name):
                return
            if online is None:
                del self._availability[name]
            else:
                self._availability[name] = online
            self.is_counted = False

        return handle

    # --- what it publishes ----------------------------------------------------------

    def _take_state(self, payload: bytes) -> None:
        self.set_online(parse_online(payload))

    def _take_info(self, payload: bytes) -> None:
        info = parse_info(payload)
        if info is None:
            return
        self.is_confirmed = True
        self.bridge = replace(self.bridge, info=info)
        self.count_offline()

    def _take_devices(self, payload: bytes) -> None:
        devices = parse_devices(payload)
        # Most lists of a join differ in what is of no interest here.
        if devices is None or devices == self.bridge.devices:
            return
        self.bridge = replace(self.bridge, devices=devices)
        names = {device.name for device in devices}
        for gone in self._availability.keys() - names:
            del self._availability[gone]
        self.count_offline()

    def _take_health(self, payload: bytes) -> None:
        report = parse_health(payload)
        if report is None:
            return
        self._traffic.note(report)
        self.bridge = replace(
            self.bridge,
            messages_per_minute=self._traffic.per_minute,
            last_message_at=self._traffic.last_message_at,
        )
        if not self.is_probeable:
            self._judge_by_silence()

    def count_offline(self) -> None:
        """Count who does not answer; nobody watches before the first word of one."""
        self.is_counted = True
        offline: tuple[str, ...] | None = None
        info = self.bridge.info
        if info is not None and info.availability and self._availability:
            used = {d.name for d in self.bridge.devices or () if not d.disabled}
            offline = tuple(
                sorted(
                    name
                    for name, online in self._availability.items()
                    if not online and name in used
                )
            )
        if offline != self.bridge.offline:
            self.bridge = replace(self.bridge, offline=offline)

    # --- what is found out ----------------------------------------------------------

    def set_online(self, online: bool | None) -> None:
        """Take the state of the bridge; None when the broker has none."""
        if online is False and self.bridge.online is not False:
            self.restarts += 1
        if not online:
            # Who is away says nothing of its radio, and has to prove it again.
            self.bridge = replace(self.bridge, radio=Radio())
        self.bridge = replace(self.bridge, online=online)

    def set_radio(self, radio: Radio) -> None:
        """Take what a check of the radio found."""
        self.is_probeable = True
        self.bridge = replace(self.bridge, radio=radio)

    def set_unprobeable(self, now: datetime) -> None:
        """The adapter answers no check, so what its devices send has to do."""
        self.is_probeable = False
        self.bridge = replace(self.bridge, radio=Radio(checked_at=now))
        self._judge_by_silence()

    def _judge_by_silence(self) -> None:
        silent = self._traffic.silent
        radio = replace(
            self.bridge.radio,
            problem=silent,
            fault=RadioFault.SILENT if silent else None,
        )
        self.bridge = replace(self.bridge, radio=radio)

    def close_network(self, now: datetime) -> bool:
        """Show the network as closed once its time is over; say whether it was.

        The bridge says so itself, unless that message got lost.
        """
        info = self.bridge.info
        if info is None or not info.permit_join or info.permit_join_end is None:
            return False
        if info.permit_join_end > now:
            return False
        closed: BridgeInfo = replace(info, permit_join=False, permit_join_end=None)
        self.bridge = replace(self.bridge, info=closed)
        # The same words later are news again.
        self._taken.pop("info", None)
        return True
