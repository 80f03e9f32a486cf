"""`python -m lab [scenario]`: a simulated homelab to look at and to play with."""

import argparse
import asyncio
from collections.abc import Sequence
import json
from pathlib import Path
import signal
import sys
from typing import Any

from lab import Churn, Lab, LabSettings
from lab.deconz import DeconzGateway
from lab.equipment import Equipment
from lab.mqtt import HOST, Broker
from lab.reading import ScenarioError
from lab.settings import REAL_TASK_SECONDS
from lab.zwave import ZwaveServer

_SYSFS = Path("/sys/class/net")
_MADE_UP_MAC = "bc:24:11:5e:1f:03"


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    parser.add_argument("scenario", nargs="?", default="house")
    parser.add_argument("--port", type=int, default=8006, help="of every node")
    parser.add_argument("--control-port", type=int, default=8007)
    parser.add_argument(
        "--radio-port", type=int, default=8100, help="of the first broker"
    )
    parser.add_argument("--speed", type=float, default=1.0, help="2 is twice as fast")
    parser.add_argument("--interval", type=float, default=10.0, help="of the list")
    parser.add_argument("--latency", type=float, default=0.0, help="in seconds")
    parser.add_argument("--churn", choices=list(Churn), default=Churn.QUIET)
    parser.add_argument("--pve", choices=("8.4", "9.2"), default="9.2")
    parser.add_argument("--self-mac", help="MAC address of the own guest, or auto")
    parser.add_argument("--state-dir", type=Path, help="keeps the certificates")
    parser.add_argument("--announce", type=Path, help="file for the facts, as JSON")
    return parser.parse_args(given)


def host_mac() -> str:
    """Return the first MAC address of this machine, a made-up one without any."""
    for path in sorted(_SYSFS.glob("*/address")):
        mac = path.read_text(encoding="ascii").strip()
        if mac and mac != "00:00:00:00:00:00":
            return mac
    return _MADE_UP_MAC


def facts(lab: Lab) -> dict[str, Any]:
    """Return what somebody needs who wants to use the lab."""
    pve = lab.pve
    return {
        "hosts": {name: pve.host(name) for name in pve.cluster.nodes},
        "port": pve.port,
        "ca_pem": pve.ca_pem,
        "ca_fingerprint": pve.ca_fingerprint,
        "tokens": pve.tokens,
        "passwords": pve.passwords,
        "control_url": f"http://127.0.0.1:{lab.control_port}",
        "equipment": [_reach(found) for found in lab.equipment.values() if found.port],
    }


def _reach(found: Equipment) -> dict[str, Any]:
    reach: dict[str, Any] = {
        "name": found.name,
        "kind": found.kind,
        "host": HOST,
        "port": found.port,
    }
    if isinstance(found, Broker):
        reach |= {"user": found.user, "password": found.password}
        if found.tls is not None:
            reach |= {"tls_port": found.tls_port, "ca_pem": found.tls.ca_pem}
    if isinstance(found, ZwaveServer):
        reach["ui_port"] = found.ui_port
    if isinstance(found, DeconzGateway):
        reach["keys"] = list(found.gateway.keys)
    return reach


async def _run(given: argparse.Namespace) -> None:
    mac = host_mac() if given.self_mac == "auto" else given.self_mac
    settings = LabSettings(
        task_seconds=REAL_TASK_SECONDS / given.speed,
        auth_delay=3.0,
        resources_interval=given.interval,
        pve_version=given.pve,
        latency=given.latency,
        port=given.port,
        control_port=given.control_port,
        self_mac=mac,
        state_dir=given.state_dir,
        churn=Churn(given.churn),
        radios=True,
        radio_port=given.radio_port,
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with Lab(given.scenario, settings=settings) as lab:
        told = facts(lab)
        if given.announce is not None:
            # Whoever waits for the file shall not find half of it.
            partial = given.announce.with_suffix(".part")
            partial.write_text(json.dumps(told), encoding="utf-8")
            partial.replace(given.announce)
        for name, host in told["hosts"].items():
            print(f"{name:<12} https://{host}:{told['port']}")
        print(f"{'control':<12} {told['control_url']}")
        print(f"{'token':<12} {told['tokens']['everything']}")
        for user, password in told["passwords"].items():
            print(f"{user:<12} {password}")
        for found in told["equipment"]:
            print(
                f"{found['name']:<12} {found['kind']} {found['host']}:{found['port']}"
            )
        sys.stdout.flush()
        await stop.wait()


def main(given: Sequence[str] | None = None) -> int:
    """Run a lab until it is told to stop."""
    try:
        asyncio.run(_run(_arguments(given)))
    except (ScenarioError, OSError) as error:
        print(f"The lab did not start: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
