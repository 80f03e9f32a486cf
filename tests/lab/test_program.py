"""`python -m lab`, as a program of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import json
from pathlib import Path
import re
import shutil
import signal
import socket
import ssl
import sys

from aiohttp import ClientSession, TCPConnector
import pytest

from lab.__main__ import facts, host_mac

from .conftest import StartLab, until

ROOT = Path(__file__).parents[2]


async def start_program(*arguments: str) -> asyncio.subprocess.Process:
    """Start the program."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "lab",
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@asynccontextmanager
async def program(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the program until the test is done with it."""
    process = await start_program(*arguments)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_help() -> None:
    async with program("--help") as process:
        out, _ = await process.communicate()
        assert process.returncode == 0
        assert "--control-port" in out.decode()


async def test_start_use_and_stop(tmp_path: Path) -> None:
    announced = tmp_path / "lab.json"
    state = tmp_path / "state"
    async with program(
        "cluster", "--port", "0", "--control-port", "0", "--speed", "50",
        "--announce", f"{announced}", "--state-dir", f"{state}", "--pve", "8.4",
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        await until(announced.is_file)
        found = json.loads(announced.read_text())
        url = f"https://{found['hosts']['pve2']}:{found['port']}/api2/json/version"
        context = ssl.create_default_context(cadata=found["ca_pem"])
        token = f"PVEAPIToken={found['tokens']['everything']}"
        async with (
            ClientSession(connector=TCPConnector(ssl=context)) as client,
            client.get(url, headers={"Authorization": token}) as answer,
        ):
            assert (await answer.json())["data"]["version"] == "8.4.5"
        async with (
            ClientSession() as client,
            client.get(f"{found['control_url']}/state") as answer,
        ):
            assert (await answer.json())["name"] == "homelab"
        process.send_signal(signal.SIGTERM)
        out, errors = await process.communicate()
    assert process.returncode == 0
    assert errors == b""
    text = out.decode()
    assert found["tokens"]["everything"] in text
    assert re.search(rf"pve1 +https://127\.0\.0\.1:{found['port']}", text)
    assert any(state.iterdir())


@pytest.mark.skipif(
    shutil.which("mosquitto", path="/usr/bin:/usr/sbin") is not None
    and shutil.which("setpriv") is None,
    reason="nothing here ends a child with its parent",
)
async def test_radios_run_and_do_not_outlive_it(tmp_path: Path) -> None:
    announced = tmp_path / "lab.json"
    async with program(
        "house", "--port", "0", "--control-port", "0", "--radio-port", "0",
        "--speed", "50", "--announce", f"{announced}", "--state-dir", f"{tmp_path}",
    ) as process:  # fmt: skip
        await until(announced.is_file)
        found, _ = json.loads(announced.read_text())["equipment"]
        broker = found["host"], found["port"]
        _, writer = await asyncio.open_connection(*broker)
        writer.close()
        process.kill()
        await process.wait()

    def is_gone() -> bool:
        with socket.socket() as client:
            return client.connect_ex(broker) != 0

    await until(is_gone)


async def test_a_scenario_that_there_is_not() -> None:
    async with program("castle") as process:
        _, errors = await process.communicate()
        assert process.returncode == 1
        assert errors.decode().startswith(
            "The lab did not start: there is no scenario castle"
        )


async def test_the_facts_are_enough_to_use_it(start_lab: StartLab) -> None:
    running = await start_lab("house", control_port=0)
    found = facts(running.lab)
    assert found["hosts"] == {"pve-core": "127.0.0.1"}
    assert found["ca_fingerprint"] == running.lab.pve.ca_fingerprint
    assert set(found["tokens"]) == {
        "root", "empty", "monitor", "control", "everything",
    }  # fmt: skip
    assert found["passwords"]["demo@pve"]
    assert found["control_url"].startswith("http://127.0.0.1:")


def test_a_mac_address_of_this_host() -> None:
    assert re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", host_mac())
