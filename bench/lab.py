"""The lab as a program of its own, and its control interface."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
import json
from pathlib import Path
import sys
from time import monotonic
from typing import Any, Self

import aiohttp

from demo.processes import DemoError, Program, free_port

REPOSITORY = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Size:
    """How many nodes and guests the simulated cluster has."""

    nodes: int
    guests: int

    def __str__(self) -> str:
        """Return the size as the lab and the command line write it."""
        return f"{self.nodes}/{self.guests}"


class Churn(StrEnum):
    """How the figures of the guests move; the lab's words."""

    QUIET = "quiet"
    CHANGING = "changing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to reach the cluster; the token may do everything."""

    host: str
    port: int
    ca_pem: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """The requests that the cluster has answered; bytes of bodies on the wire."""

    requests: int
    bytes: int


class LabProcess:
    """One lab, started and ended as a program.

    Its figures are collected for every request instead of every 10 s, so that what
    is measured is the integration's delay alone.
    """

    def __init__(self, folder: Path, size: Size, latency: float) -> None:
        """Choose ports; nothing is started yet."""
        folder.mkdir(parents=True, exist_ok=True)
        self._announcement = folder / "announcement.json"
        self._announcement.unlink(missing_ok=True)
        addresses = [f"127.0.0.{number}" for number in range(1, size.nodes + 1)]
        port, control_port = free_port(8206, addresses), free_port(8207)
        self._program = Program(
            "The lab",
            [
                *(sys.executable, "-m", "lab", f"large:{size}"),
                *("--port", str(port), "--control-port", str(control_port)),
                *("--interval", "0", "--latency", str(latency)),
                *("--announce", str(self._announcement)),
            ],
            folder=REPOSITORY,
            log=folder / "output.log",
        )
        self.access: Access
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        """Start the program and wait until it serves."""
        await self._program.start()
        try:
            async with asyncio.timeout(START_SECONDS):
                facts = await self._announced()
        except TimeoutError:
            await self._program.stop()
            raise self._program.failure("did not start") from None
        self.access = Access(
            host=next(iter(facts["hosts"].values())),
            port=facts["port"],
            ca_pem=facts["ca_pem"],
            token=facts["tokens"]["everything"],
        )
        self._session = aiohttp.ClientSession(facts["control_url"])
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the program."""
        await self._session.close()
        await self._program.stop()

    async def traffic(self) -> Traffic:
        """Return what was asked since the last time this was forgotten."""
        async with self._session.get("/requests") as answer:
            log = await answer.json()
        return Traffic(requests=log["count"], bytes=log["bytes"])

    async def forget_traffic(self) -> None:
        """Count from now on."""
        async with self._session.post("/reset") as answer:
            answer.raise_for_status()

    async def set_churn(self, churn: Churn) -> None:
        """Change how the figures move."""
        await self._act("churn", churn=churn)

    async def set_latency(self, seconds: float) -> None:
        """Change how long each request takes at least."""
        await self._act("latency", seconds=seconds)

    async def running_guests(self) -> list[int]:
        """Return the guests that run."""
        async with self._session.get("/state") as answer:
            state = await answer.json()
        return [
            guest["vmid"] for guest in state["guests"] if guest["state"] == "running"
        ]

    async def stop_guest(self, vmid: int) -> float:
        """Stop a guest without a task; return when, on the monotonic clock."""
        await self._act("set_state", vmid=vmid, state="stopped")
        return monotonic()

    async def _act(self, name: str, **arguments: Any) -> None:
        async with self._session.post(
            "/action", json={"do": name, **arguments}
        ) as answer:
            if answer.status != HTTPStatus.OK:
                raise DemoError(f"the lab refuses {name}: {await answer.text()}")

    async def _announced(self) -> dict[str, Any]:
        while True:
            if self._program.returncode is not None:
                raise self._program.failure("ended instead of starting")
            try:
                facts: dict[str, Any] = json.loads(self._announcement.read_text())
            except FileNotFoundError, json.JSONDecodeError:
                await asyncio.sleep(0.1)
            else:
                return facts
