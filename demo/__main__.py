"""Command line of the demo: `python -m demo`, which `scripts/demo` prepares."""

import argparse
import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
import fcntl
from pathlib import Path
import shutil
import signal
import sys

import aiohttp

from . import check, dashboard, home_assistant, page
from .client import HomeAssistantClient
from .home_assistant import REPOSITORY, RESTART_EXIT_CODE
from .homelab import ADMINISTRATOR, SCENARIOS, Homelab
from .processes import DemoError, Program, free_port
from .registry import DOMAIN, Registry

HOME = REPOSITORY / ".demo"
PAGE_PORT = 8123
INTERRUPTED = 130


def main() -> int:
    """Run the demo, and return the exit status for the shell."""
    arguments = _arguments()
    try:
        with _only_one(HOME / "lock"):
            return asyncio.run(_run_until_signal(arguments))
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="A real Home Assistant in front of a simulated homelab.",
    )
    parser.add_argument("--scenario", choices=SCENARIOS, default="house")
    parser.add_argument(
        "--fresh", action="store_true", help="forget what was kept of the last time"
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--check", action="store_true", help="prove that it works, then stop"
    )
    choice.add_argument(
        "--bare",
        action="store_true",
        help="leave it to you to set up the integration in the web page",
    )
    return parser.parse_args()


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError("this demo runs already: end it with Ctrl-C") from None
        yield


async def _run_until_signal(arguments: argparse.Namespace) -> int:
    task = asyncio.ensure_future(_run(arguments))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, _stop_once, task)
    try:
        await task
    except asyncio.CancelledError:
        _say("stopped")
        return INTERRUPTED if arguments.check else 0
    return 0


def _stop_once(task: asyncio.Task[None]) -> None:
    # A second Ctrl-C must not interrupt the orderly end that the first one began.
    if not task.cancelling():
        _say("stopping")
        task.cancel()


async def _run(arguments: argparse.Namespace) -> None:
    folder = HOME / arguments.scenario
    if arguments.check:
        # A first start each time, which leaves alone what the demo keeps.
        folder = HOME / f"{arguments.scenario}-check"
    elif arguments.bare:
        folder = HOME / f"{arguments.scenario}-bare"
    if (arguments.fresh or arguments.check) and folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        homelab = Homelab(session, arguments.scenario, folder / "lab")
        _say(f"starting the simulated homelab: {arguments.scenario}")
        await stack.enter_async_context(homelab.program)
        await homelab.wait_until_ready()
        _say("starting Home Assistant")
        port = free_port(PAGE_PORT)
        home_assistant.prepare(folder / "home-assistant", port=port)
        assistant = home_assistant.program(folder / "home-assistant")
        await stack.enter_async_context(assistant)
        client = HomeAssistantClient(session, f"http://127.0.0.1:{port}")
        stack.push_async_callback(client.close)
        await home_assistant.wait_for_page(assistant, client)
        try:
            await _show(arguments, client, homelab)
        except DemoError as error:
            raise assistant.failure(str(error)) from error
        if not arguments.check:
            await _watch(assistant, homelab.program)


async def _show(
    arguments: argparse.Namespace, client: HomeAssistantClient, homelab: Homelab
) -> None:
    await page.sign_in(client)
    if arguments.bare:
        _print_bare(client, homelab)
        return
    _say("setting up the integration")
    if arguments.check:
        await page.create_access(client, homelab)
    else:
        await page.add_integration(client, homelab)
    await page.add_radios(client, homelab)
    registry = await page.complete_registry(client, homelab)
    config = await page.make_dashboard(client, registry)
    if arguments.check:
        _say("checking")
        async for line in check.check(client, homelab, registry, config):
            _say(line)
        return
    _print_pages(client, homelab, registry)


async def _watch(assistant: Program, lab: Program) -> None:
    """Wait for a signal; restart Home Assistant when somebody asks it to."""
    while True:
        endings = {
            asyncio.ensure_future(program.wait()): program
            for program in (assistant, lab)
        }
        try:
            ended, _ = await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for ending in endings:
                ending.cancel()
        program = endings[ended.pop()]
        if program is lab or program.returncode != RESTART_EXIT_CODE:
            raise program.failure(f"ended by itself (status {program.returncode})")
        _say("restarting Home Assistant, as it was asked to")
        await assistant.start()


def _print_pages(
    client: HomeAssistantClient, homelab: Homelab, registry: Registry
) -> None:
    _print_login(client)
    node = registry.of_kind("node")[0]
    guest = next(
        guest
        for guest in registry.of_kind("guest")
        if registry.find(guest, "switch", "power")
    )
    _print_rows(
        ("dashboard", f"{client.url}/{dashboard.URL_PATH}"),
        ("integration", f"{client.url}/config/integrations/integration/{DOMAIN}"),
        ("a node", client.url + node.page),
        ("a guest", client.url + guest.page),
        *(("a radio", client.url + radio.page) for radio in registry.of_kind("z2m")),
        ("actions", f"{client.url}/config/tools/action"),
        ("control page", homelab.control_url),
    )
    print("\n  On the control page you switch on faults and see what follows.")
    print("  Ctrl-C stops everything.\n", flush=True)


def _print_bare(client: HomeAssistantClient, homelab: Homelab) -> None:
    _print_login(client)
    _print_rows(
        (
            "begin here",
            f"{client.url}/config/integrations/dashboard/add?domain={DOMAIN}",
        ),
        ("address", homelab.address),
        ("administrator", ADMINISTRATOR),
        ("password", homelab.password),
        ("or a token", homelab.token),
        ("control page", homelab.control_url),
    )
    print("\n  Ctrl-C stops everything.\n", flush=True)


def _print_login(client: HomeAssistantClient) -> None:
    print()
    _print_rows(
        ("Home Assistant", client.url),
        ("login", f"{page.USER} / {page.PASSWORD}"),
    )
    print()


def _print_rows(*rows: tuple[str, str]) -> None:
    for name, value in rows:
        print(f"  {name:<15} {value}")


def _say(text: str) -> None:
    print(f"demo: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
