"""What a broker is told to be, and what the two programs behind it have in common."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
import time
from typing import Protocol

HOST = "127.0.0.1"


async def pause(seconds: float) -> None:
    """Wait a short moment of real time, also where a test holds the clock still."""
    await asyncio.to_thread(time.sleep, seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsListener:
    """A second port that speaks TLS; the files are PEM."""

    port: int
    authority: Path
    certificate: Path
    key: Path
    client_required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a broker is to run.

    Without a `user` everybody is let in. `denied` are topics that nobody may read,
    as filters. `sys_interval` is the rhythm of `$SYS` in seconds. `folder` keeps the
    files of the program.
    """

    port: int
    folder: Path
    user: str | None = None
    password: str | None = None
    tls: TlsListener | None = None
    persistence: bool = True
    denied: tuple[str, ...] = ()
    sys_interval: float = 10.0


class Backend(Protocol):
    """A broker program."""

    @property
    def name(self) -> str:
        """Its name: `mosquitto` or `embedded`."""

    @property
    def running(self) -> bool:
        """Whether it serves."""

    @property
    def subscribed(self) -> list[tuple[str, str]]:
        """Client and filter of every subscription since the start, as they came."""

    async def start(self, plan: Plan) -> None:
        """Open the ports; raise OSError when they are taken.

        What was retained before comes back if the plan has persistence.
        """

    async def reload(self, plan: Plan) -> None:
        """Take over another password and other denied topics while it runs.

        Clients whose password is no longer right are cut off.
        """

    async def stop(self) -> None:
        """End; the wills of those who are connected are kept, as if they had died."""

    def forget(self) -> None:
        """Lose every retained message; only while it is stopped."""
