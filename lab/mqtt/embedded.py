"""The broker of amqtt inside the lab's own loop, for where no mosquitto is installed.

It speaks MQTT 3.1.1 only. What amqtt 0.12 gets wrong and a client would notice is put
right here by overriding methods of it.
"""

import asyncio
from collections.abc import Iterator
import logging
import ssl
import time
from typing import Any, override

from amqtt.adapters import ReaderAdapter, WriterAdapter  # type: ignore[import-untyped]
from amqtt.broker import Broker, RetainedApplicationMessage, Server  # type: ignore[import-untyped]
from amqtt.contexts import Action, ListenerConfig  # type: ignore[import-untyped]
from amqtt.errors import BrokerError  # type: ignore[import-untyped]
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler  # type: ignore[import-untyped]
from amqtt.session import Session  # type: ignore[import-untyped]

from lab.mqtt.backend import HOST, Plan, TlsListener, pause

_VERSION = "aMQTT version 0.12"
_FLUSH_SECONDS = 0.005
_FLUSH_TRIES = 100

type Subscribers = list[tuple[Session, int]]


class _Subscriptions(dict[str, Subscribers]):
    """Subscriptions by filter, iterated over as they were at the beginning.

    amqtt waits inside its loops over them, while others subscribe.
    """

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(list(super().keys()))

    @override
    def items(self) -> Any:
        return list(super().items())


class _Broker(Broker):  # type: ignore[misc]
    """amqtt's broker with the lab's rules."""

    def __init__(self, plan: Plan) -> None:
        listeners: dict[str, dict[str, Any]] = {
            "default": {"type": "tcp", "bind": f"{HOST}:{plan.port}"}
        }
        if plan.tls is not None:
            listeners["tls"] = _tls_listener(plan.tls)
        super().__init__({"listeners": listeners, "plugins": {}})
        self._subscriptions = _Subscriptions()
        self.plan = plan
        self.subscribed: list[tuple[str, str]] = []

    # --- rights --------------------------------------------------------------------

    def knows(self, session: Session) -> bool:
        """Say whether user and password are right."""
        plan = self.plan
        return plan.user is None or (
            (session.username, session.password) == (plan.user, plan.password)
        )

    @override
    async def _authenticate(self, session: Session, _: ListenerConfig) -> bool:
        return self.knows(session)

    @override
    async def _topic_filtering(
        self, session: Session, topic: str, action: Action
    ) -> bool:
        if action is Action.SUBSCRIBE:
            self.subscribed.append((str(session.client_id), topic))
        return not any(
            topic == denied or self._matches(topic, denied)
            for denied in self.plan.denied
        )

    # --- sessions ------------------------------------------------------------------

    @override
    async def _handle_client_session(
        self,
        reader: ReaderAdapter,
        writer: WriterAdapter,
        client_session: Session,
        handler: BrokerProtocolHandler,
        server: Server,
        listener_name: str,
    ) -> None:
        try:
            await super()._handle_client_session(
                reader, writer, client_session, handler, server, listener_name
            )
        finally:
            # What is still sent to one who is cut off would start its timer again.
            if handler._keepalive_task is not None:  # noqa: SLF001
                handler._keepalive_task.cancel()  # noqa: SLF001
                handler._keepalive_task = None  # noqa: SLF001
            # One that was refused would count as connected for ever.
            kept = self._sessions.get(str(client_session.client_id), (None, None))
            if kept[1] is handler and not self.knows(client_session):
                del self._sessions[str(client_session.client_id)]

    @override
    async def _delete_session(self, client_id: str) -> None:
        # A second client of one name ends the first, whose socket amqtt leaves open.
        if client_id in self._sessions:
            await self.cut(client_id)
        await super()._delete_session(client_id)

    async def cut(self, client_id: str) -> None:
        """Cut a client off as if its network had failed."""
        session, handler = self._sessions[client_id]
        if session.transitions.is_connected():
            await handler.handle_connection_closed()

    @override
    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        # amqtt gives a new client what others have subscribed to.
        subscribers: Subscribers = self._subscriptions.get(subscription[0], [])
        if any(found is session for found, _ in subscribers):
            await super()._publish_retained_messages_for_subscription(
                subscription, session
            )

    # --- the end -------------------------------------------------------------------

    async def publish_wills(self) -> None:
        """Publish the wills of all who are connected, as mosquitto does at its end."""
        await self._flush()
        for session, _ in list(self._sessions.values()):
            if session.will_flag and session.transitions.is_connected():
                will = session.will_topic, session.will_message, session.will_qos
                await self._broadcast_message(session, *will)
                if session.will_retain:
                    await self.retain_message(session, *will)
        await self._flush()

    @override
    async def shutdown(self) -> None:
        # amqtt would wait for ever for those who never said who they are, and for those
        # who came in the last moment.
        servers = [server.instance for server in self._servers.values()]
        for server in servers:
            server.close()
            server.close_clients()
        ending = asyncio.create_task(super().shutdown())
        while not ending.done():
            await pause(_FLUSH_SECONDS)
            for server in servers:
                server.abort_clients()
        await ending

    async def _flush(self) -> None:
        """Wait until what was received is retained and sent on."""
        for _ in range(_FLUSH_TRIES):
            # First of all: what left the queue may not have been looked at yet.
            await pause(_FLUSH_SECONDS)
            received = (
                session.delivered_message_queue
                for session, _ in self._sessions.values()
            )
            if all(
                (
                    *(queue.empty() for queue in (self._broadcast_queue, *received)),
                    *(task.done() for task in self._tasks_queue),
                )
            ):
                return

    @override
    @staticmethod
    def _create_ssl_context(listener: ListenerConfig) -> ssl.SSLContext:
        # amqtt lets clients without a certificate in.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(listener.certfile, listener.keyfile)
        if listener.cafile is not None:
            context.load_verify_locations(listener.cafile)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def _tls_listener(tls: TlsListener) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "tcp",
        "bind": f"{HOST}:{tls.port}",
        "ssl": True,
        "certfile": tls.certificate,
        "keyfile": tls.key,
    }
    if tls.client_required:
        found["cafile"] = tls.authority
    return found


class Embedded:
    """The embedded broker."""

    name = "embedded"

    def __init__(self) -> None:
        # It logs every refused client and every cut connection as a warning,
        # and its machine of states every step.
        logging.getLogger("amqtt").setLevel(logging.CRITICAL)
        logging.getLogger("transitions").setLevel(logging.WARNING)
        self._broker: _Broker | None = None
        self._figures: asyncio.Task[None] | None = None
        self._retained: dict[str, RetainedApplicationMessage] = {}

    @property
    def running(self) -> bool:
        """Whether it serves."""
        return self._broker is not None

    @property
    def subscribed(self) -> list[tuple[str, str]]:
        """What it was asked for."""
        return [] if self._broker is None else list(self._broker.subscribed)

    async def start(self, plan: Plan) -> None:
        """Open the ports."""
        broker = _Broker(plan)
        try:
            await broker.start()
        except BrokerError as error:
            raise OSError(f"{error}") from error
        broker.retained_messages.update(self._retained)
        self._broker = broker
        self._figures = asyncio.create_task(_publish_figures(broker))

    async def reload(self, plan: Plan) -> None:
        """Take over the plan and cut off whom it does not know."""
        if self._broker is None:
            return
        self._broker.plan = plan
        for client_id, (session, _) in list(self._broker.sessions.items()):
            if not self._broker.knows(session):
                await self._broker.cut(client_id)

    async def stop(self) -> None:
        """Close the ports and keep what is retained."""
        broker, self._broker = self._broker, None
        if broker is None:
            return
        if self._figures is not None:
            self._figures.cancel()
        await broker.publish_wills()
        self._retained = (
            {
                topic: message
                for topic, message in broker.retained_messages.items()
                if not topic.startswith("$")
            }
            if broker.plan.persistence
            else {}
        )
        await broker.shutdown()

    def forget(self) -> None:
        """Drop what was kept."""
        self._retained.clear()


async def _publish_figures(broker: _Broker) -> None:
    """Publish the part of mosquitto's `$SYS` that makes sense here."""
    started = time.monotonic()
    while True:
        connected = sum(
            session.transitions.is_connected()
            for session, _ in broker.sessions.values()
        )
        figures = {
            "version": _VERSION,
            "uptime": f"{int(time.monotonic() - started)} seconds",
            "clients/connected": str(connected),
            "subscriptions/count": str(len(broker.subscriptions)),
            "retained messages/count": str(len(broker.retained_messages)),
        }
        for name, text in figures.items():
            topic = f"$SYS/broker/{name}"
            await broker.retain_message(None, topic, text.encode(), 0)
            await broker.internal_message_broadcast(topic, text.encode(), 0)
        await asyncio.sleep(broker.plan.sys_interval)
