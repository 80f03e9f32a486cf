"""What all calls share: the transport, and the way to a guest and a node."""

from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Any

import aiohttp

from ...errors import ProtocolError
from ..credentials import Credentials
from ..models import GuestRef
from ..paths import match_upid, node_name
from ..resource import Resource
from ..transport import FORWARDED_SECONDS, Transport
from ..trust import Trust


class Calls:
    """The connection that the calls use."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        hosts: Sequence[str],
        port: int,
        credentials: Credentials,
        trust: Trust,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Prepare; nothing is sent yet.

        hosts: addresses of members, all with the same port; the first one that
            answers is used, and stays in use until it does not.
        clock: tells the age of a ticket in seconds.
        """
        self._session = session
        self._port = port
        self._trust = trust
        self._transport = Transport(
            session,
            hosts=hosts,
            port=port,
            credentials=credentials,
            trust=trust,
            clock=clock,
        )
        self._api = Resource(sender=self._transport)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The known addresses, the one in use first."""
        return self._transport.hosts

    def add_hosts(self, hosts: Iterable[str]) -> None:
        """Learn addresses to fall back to."""
        self._transport.add_hosts(hosts)

    @property
    def member_fingerprints(self) -> tuple[str, ...]:
        """The SHA-256 of every certificate that is accepted; see `learn_members`."""
        return self._transport.certificates.fingerprints

    def _node(self, node: str) -> Resource:
        return self._api.nodes(node_name(node))

    def _guest(self, ref: GuestRef) -> Resource:
        return self._node(ref.node)(ref.type.value)(ref.vmid)


async def started(resource: Resource, **params: Any) -> str:
    """Send a command and return the UPID of its task.

    A command is sent once: after a time-out it may have been carried out or not.
    """
    answer = await resource.within(FORWARDED_SECONDS).post(**params)
    return checked_upid(answer)


def checked_upid(answer: Any) -> str:
    """Return the UPID that an answer is; raise `ProtocolError` when it is none."""
    if answer is None:
        raise ProtocolError("no task was started")
    return match_upid(answer)[0]
