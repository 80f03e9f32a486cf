"""The flow as a browser meets it: over HTTP, with every form in JSON."""

from typing import Any

from aiohttp.test_utils import TestClient
from homeassistant.components.config import config_entries
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest

from custom_components.proxmox_homelab.const import DOMAIN

from .conftest import PASSWORD, Cluster

FLOW = "/api/config/config_entries/flow"
OPTIONS = "/api/config/config_entries/options/flow"


class Browser:
    """Sends answers and keeps count of what a person had to fill in."""

    def __init__(self, client: TestClient[Any, Any], path: str) -> None:
        self._client = client
        self._path = path
        self._step: dict[str, Any] = {}
        self.inputs = 0

    async def begin(self, handler: str) -> dict[str, Any]:
        return await self._post(self._path, {"handler": handler})

    async def answer(self, **answers: Any) -> dict[str, Any]:
        self.inputs += len(answers)
        return await self._post(f"{self._path}/{self._step['flow_id']}", answers)

    async def choose(self, option: str) -> dict[str, Any]:
        return await self.answer(next_step_id=option)

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self._client.post(path, json=body)
        assert answer.status == 200, await answer.text()
        self._step = await answer.json()
        return self._step


@pytest.fixture
async def client(hass: HomeAssistant, hass_client: Any) -> TestClient[Any, Any]:
    """A browser of an administrator."""
    await async_setup_component(hass, "http", {})
    config_entries.async_setup(hass)
    found: TestClient[Any, Any] = await hass_client()
    return found


async def test_a_cluster_is_set_up_with_a_handful_of_inputs(
    hass: HomeAssistant, client: TestClient[Any, Any], cluster: Cluster
) -> None:
    browser = Browser(client, FLOW)
    await browser.begin(DOMAIN)
    await browser.choose("proxmox_address")
    await browser.answer(address=cluster.address)
    await browser.answer()
    step = await browser.choose("proxmox_create_access")
    assert [field["name"] for field in step["data_schema"]] == [
        "level",
        "username",
        "password",
        "totp",
    ]
    await browser.answer(level="control", username="root@pam", password=PASSWORD)
    step = await browser.choose("proxmox_found")
    shown = [field["name"] for field in step["data_schema"]]
    step = await browser.answer()
    assert step["type"] == "create_entry"
    assert PASSWORD not in str(step)
    # At most: all that was filled in, the code of a second factor, every choice of
    # what to leave out.
    assert browser.inputs + 1 + len(shown) <= 12


async def test_every_page_of_the_options_reaches_the_browser(
    hass: HomeAssistant, client: TestClient[Any, Any], cluster: Cluster
) -> None:
    browser = Browser(client, FLOW)
    await browser.begin(DOMAIN)
    await browser.choose("proxmox_address")
    await browser.answer(address=cluster.address)
    await browser.answer()
    await browser.choose("proxmox_password")
    await browser.answer(username="demo@pve", password=PASSWORD)
    await browser.choose("proxmox_found")
    await browser.answer()
    (entry,) = hass.config_entries.async_entries(DOMAIN)

    options = Browser(client, OPTIONS)
    pages = (await options.begin(entry.entry_id))["menu_options"]
    for page in pages:
        await options.begin(entry.entry_id)
        step = await options.choose(page)
        assert step["data_schema"], page
        assert all("selector" in field for field in step["data_schema"]), page
    assert len(pages) == 4
