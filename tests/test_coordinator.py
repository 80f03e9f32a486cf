"""The coordinators that every source builds on."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import override

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import (
    ConfigEntryAuthFailed,
    ConfigEntryError,
    HomeAssistantError,
)
from homeassistant.helpers.update_coordinator import UpdateFailed
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.proxmox_homelab.const import DOMAIN
from custom_components.proxmox_homelab.coordinator import (
    HomelabCoordinator,
    PartsCoordinator,
    as_command_error,
    as_update_error,
)
from custom_components.proxmox_homelab.errors import (
    AuthenticationError,
    CannotConnectError,
    CertificateChangedError,
    GuestLockedError,
    HomelabError,
    NodeUnreachableError,
    RequestTimeoutError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """An item."""

    value: int


class Things(HomelabCoordinator[Thing]):
    """A section whose next answer a test sets."""

    answer: dict[str, Thing] | HomelabError

    @override
    async def async_fetch(self) -> dict[str, Thing]:
        if isinstance(self.answer, HomelabError):
            raise self.answer
        return self.answer


@pytest.fixture
def things(hass: HomeAssistant) -> Things:
    entry = MockConfigEntry(domain=DOMAIN, title="lab")
    entry.add_to_hass(hass)
    return Things(hass, entry, section="things", interval=timedelta(seconds=10))


def _listen(things: Things, *keys: str) -> list[str]:
    heard: list[str] = []
    for key in keys:
        things.async_add_item_listener(key, partial(heard.append, key))
    return heard


async def test_only_what_changed_is_woken(hass: HomeAssistant, things: Things) -> None:
    things.answer = {"a": Thing(value=1), "b": Thing(value=1)}
    await things.async_refresh()
    heard = _listen(things, "a", "b", "c")

    things.answer = {"a": Thing(value=1), "b": Thing(value=2), "c": Thing(value=3)}
    await things.async_refresh()
    await hass.async_block_till_done()
    assert sorted(heard) == ["b", "c"]

    heard.clear()
    things.answer = {"a": Thing(value=1), "b": Thing(value=2)}
    await things.async_refresh()
    await hass.async_block_till_done()
    assert heard == ["c"]


async def test_a_section_that_fails_or_recovers_wakes_all_of_its_items_once(
    hass: HomeAssistant, things: Things
) -> None:
    things.answer = {"a": Thing(value=1), "b": Thing(value=1)}
    await things.async_refresh()
    heard = _listen(things, "a", "b")

    things.answer = CannotConnectError("refused")
    for _ in range(3):
        await things.async_refresh()
        await hass.async_block_till_done()
    assert sorted(heard) == ["a", "b"]
    assert things.last_error is things.answer
    assert things.data["a"] == Thing(value=1)

    things.answer = {"a": Thing(value=1), "b": Thing(value=1)}
    await things.async_refresh()
    await hass.async_block_till_done()
    assert sorted(heard) == ["a", "a", "b", "b"]
    assert things.last_error is None


async def test_a_listener_that_fails_does_not_keep_others_from_hearing(
    hass: HomeAssistant, things: Things, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("broken entity")

    things.async_add_item_listener("a", fail)
    heard = _listen(things, "a", "b")
    things.answer = {"a": Thing(value=1), "b": Thing(value=1)}
    await things.async_refresh()
    await hass.async_block_till_done()
    assert sorted(heard) == ["a", "b"]
    assert "broken entity" in caplog.text


async def test_many_wakes_are_handed_out_in_slices(
    hass: HomeAssistant, things: Things, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "custom_components.proxmox_homelab.coordinator._SLICE_SECONDS", 0.0
    )
    heard = _listen(things, *(f"item{number}" for number in range(5)))
    things.answer = {f"item{number}": Thing(value=1) for number in range(5)}
    await things.async_refresh()
    steps = [len(heard)]
    while len(heard) < 5:
        await asyncio.sleep(0)
        steps.append(len(heard))
    # Every turn of the loop woke one item, so others had their turn in between.
    assert steps == [1, 2, 3, 4, 5]


async def test_a_removed_listener_hears_nothing(
    hass: HomeAssistant, things: Things
) -> None:
    heard: list[str] = []
    remove = things.async_add_item_listener("a", lambda: heard.append("a"))
    assert things.has_item_listeners("a")
    remove()
    assert not things.has_item_listeners("a")
    things.answer = {"a": Thing(value=1)}
    await things.async_refresh()
    await hass.async_block_till_done()
    assert heard == []


async def test_one_item_can_be_set_between_two_polls(
    hass: HomeAssistant, things: Things
) -> None:
    things.answer = {"a": Thing(value=1), "b": Thing(value=1)}
    await things.async_refresh()
    heard = _listen(things, "a", "b")
    things.async_set_item("b", Thing(value=5))
    await hass.async_block_till_done()
    assert heard == ["b"]
    assert things.data == {"a": Thing(value=1), "b": Thing(value=5)}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (AuthenticationError("no"), ConfigEntryAuthFailed),
        (CertificateChangedError("other", fingerprint="AA"), ConfigEntryError),
        (CannotConnectError("refused"), UpdateFailed),
        (RequestTimeoutError("late"), UpdateFailed),
        (NodeUnreachableError("595", node="pve2"), UpdateFailed),
    ],
)
def test_each_error_becomes_what_home_assistant_acts_on(
    error: HomelabError, expected: type[HomeAssistantError]
) -> None:
    raised = as_update_error(error, "the lab")
    assert type(raised) is expected
    assert raised.translation_domain == DOMAIN
    assert raised.translation_key == error.key


def test_a_command_error_names_what_the_sentence_needs() -> None:
    raised = as_command_error(
        GuestLockedError("locked", guest="110", lock="backup"), "the lab"
    )
    assert type(raised) is HomeAssistantError
    assert raised.translation_key == "guest_locked"
    assert raised.translation_placeholders == {
        "system": "the lab",
        "guest": "110",
        "lock": "backup",
    }


class Parts(PartsCoordinator[Thing, Thing]):
    """A section of parts whose answers a test sets."""

    def __init__(self, hass: HomeAssistant, *, keep_last: bool = True) -> None:
        entry = MockConfigEntry(domain=DOMAIN, title="lab")
        entry.add_to_hass(hass)
        super().__init__(
            hass,
            entry,
            section="parts",
            max_age=timedelta(minutes=10),
            tick=timedelta(minutes=1),
            keep_last=keep_last,
        )
        self.answers: dict[str, Thing | HomelabError] = {}
        self.asked: list[str] = []

    @override
    def parts(self) -> Iterable[str]:
        return self.answers

    @override
    def combine(self, answers: Mapping[str, Thing]) -> dict[str, Thing]:
        return dict(answers)

    @override
    async def async_fetch_part(self, part: str) -> Thing:
        self.asked.append(part)
        answer = self.answers[part]
        if isinstance(answer, HomelabError):
            raise answer
        return answer


async def test_a_part_that_fails_keeps_to_itself(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    parts = Parts(hass)
    parts.answers = {"a": Thing(value=1), "b": Thing(value=1)}
    await parts.async_refresh()
    parts.answers = {"a": NodeUnreachableError("595", node="a"), "b": Thing(value=2)}
    await parts.async_refresh_all()
    assert parts.last_update_success
    assert parts.data == {"a": Thing(value=1), "b": Thing(value=2)}
    assert list(parts.part_errors) == ["a"]

    parts.answers["a"] = Thing(value=3)
    await parts.async_refresh_part("a")
    assert parts.data["a"] == Thing(value=3)
    assert parts.part_errors == {}


async def test_figures_that_must_not_be_old_go_with_a_failure(
    hass: HomeAssistant,
) -> None:
    parts = Parts(hass, keep_last=False)
    parts.answers = {"a": Thing(value=1), "b": Thing(value=1)}
    await parts.async_refresh()
    parts.answers["a"] = NodeUnreachableError("595", node="a")
    await parts.async_refresh_part("a")
    assert parts.data == {"b": Thing(value=1)}


async def test_a_source_that_is_gone_fails_the_section(hass: HomeAssistant) -> None:
    parts = Parts(hass)
    parts.answers = {"a": CannotConnectError("x"), "b": CannotConnectError("x")}
    await parts.async_refresh()
    assert not parts.last_update_success


async def test_parts_are_spread_over_their_age(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    parts = Parts(hass)
    parts.answers = {f"part{number:02}": Thing(value=1) for number in range(20)}
    await parts.async_refresh()
    assert len(parts.asked) == 20

    parts.asked.clear()
    await parts.async_refresh()
    assert parts.asked == []

    freezer.tick(timedelta(minutes=10))
    for _ in range(10):
        await parts.async_refresh()
    # 20 parts within 10 minutes are two a minute, each of them once.
    assert len(parts.asked) == len(set(parts.asked)) == 20


async def test_a_part_that_is_not_wanted_any_more_is_forgotten(
    hass: HomeAssistant,
) -> None:
    parts = Parts(hass)
    parts.answers = {"a": Thing(value=1), "b": Thing(value=1)}
    await parts.async_refresh()
    del parts.answers["a"]
    await parts.async_refresh()
    assert parts.data == {"b": Thing(value=1)}
    assert parts.was_asked("b")
    assert not parts.was_asked("a")
