"""Logging in with a password: once, in time, with a second factor, never in a loop."""

import asyncio

import pytest

from custom_components.proxmox_homelab.errors import (
    AuthenticationError,
    InvalidRequestError,
    ProtocolError,
    SecondFactorRequiredError,
)
from custom_components.proxmox_homelab.proxmox.credentials import PasswordCredentials

from .conftest import PASSWORD, Site

_HOUR = 3600.0
ROOT = PasswordCredentials(username="root@pam", password=PASSWORD)


def logins(site: Site) -> int:
    return len(site.requests("POST", "/access/ticket"))


async def test_logs_in_once_for_many_calls(site: Site) -> None:
    client = site.client(ROOT)
    await asyncio.gather(*(client.version() for _ in range(8)))
    assert logins(site) == 1
    assert {record.user for record in site.requests("GET")} == {"root@pam"}


async def test_writes_carry_the_second_token(site: Site) -> None:
    api = site.api(ROOT)
    with pytest.raises(InvalidRequestError):
        await api.access.users.post(nonsense=1)
    await api.nodes("pve1").qemu(100).status.start.post()
    assert logins(site) == 1


async def test_renews_with_the_ticket_before_it_ends(site: Site) -> None:
    client = site.client(ROOT)
    await client.version()
    site.access.users["root@pam"].password = "changed meanwhile"
    site.clock.seconds += 1.5 * _HOUR
    await asyncio.gather(*(client.version() for _ in range(4)))
    site.clock.seconds += 1.5 * _HOUR
    await client.version()
    assert logins(site) == 3
    assert {record.status for record in site.requests()} == {200}


async def test_a_ticket_that_ended_is_replaced_by_logging_in(site: Site) -> None:
    client = site.client(ROOT)
    await client.version()
    site.clock.seconds += 3 * _HOUR
    await client.version()
    # The old ticket is tried first, since it would need no second factor.
    assert [r.status for r in site.requests("POST")] == [200, 401, 200]


async def test_a_refused_ticket_leads_to_one_more_login(site: Site) -> None:
    client = site.client(ROOT)
    await client.version()
    site.faults.fail("GET", "/version", 401, "permission denied", times=1)
    await client.version()
    assert logins(site) == 2


async def test_calls_whose_ticket_was_refused_together_log_in_once(site: Site) -> None:
    client = site.client(ROOT)
    await client.version()
    site.faults.fail("GET", "/version", 401, "permission denied", times=2)
    await asyncio.gather(client.version(), client.version())
    assert logins(site) == 2


async def test_never_loops_over_a_refusal(site: Site) -> None:
    site.faults.fail("GET", "/version", 401, "permission denied")
    with pytest.raises(AuthenticationError):
        await site.client(ROOT).version()
    assert logins(site) == 2
    assert len(site.requests("GET")) == 2


async def test_does_not_hammer_with_a_wrong_password(site: Site) -> None:
    client = site.client(PasswordCredentials(username="root@pam", password="wrong"))
    results = await asyncio.gather(
        *(client.version() for _ in range(4)), return_exceptions=True
    )
    assert {type(result) for result in results} == {AuthenticationError}
    assert logins(site) == 1
    site.clock.seconds += 60
    with pytest.raises(AuthenticationError):
        await client.version()
    assert logins(site) == 2


async def test_a_second_factor_is_asked_for(site: Site) -> None:
    client = site.client(PasswordCredentials(username="totp@pve", password=PASSWORD))
    with pytest.raises(SecondFactorRequiredError):
        await client.version()
    with pytest.raises(SecondFactorRequiredError):
        await client.version()
    assert logins(site) == 1


async def test_a_one_time_code_lasts_as_long_as_tickets_are_renewed(site: Site) -> None:
    client = site.client(
        PasswordCredentials(
            username="totp@pve", password=PASSWORD, totp=site.access.totp("totp@pve")
        )
    )
    await client.version()
    site.clock.seconds += 1.5 * _HOUR
    await client.version()
    site.clock.seconds += 3 * _HOUR
    with pytest.raises(SecondFactorRequiredError):
        await client.version()


async def test_a_wrong_one_time_code_is_a_refusal(site: Site) -> None:
    client = site.client(
        PasswordCredentials(username="totp@pve", password=PASSWORD, totp="000000")
    )
    with pytest.raises(AuthenticationError) as caught:
        await client.version()
    assert type(caught.value) is AuthenticationError


@pytest.mark.parametrize("body", ['{"data": null}', '{"data": {"ticket": 1}}'])
async def test_an_answer_without_ticket_is_refused(site: Site, body: str) -> None:
    site.faults.fail("POST", "/access/ticket", 200, "OK", body=body)
    with pytest.raises(ProtocolError):
        await site.client(ROOT).version()


async def test_a_dead_member_does_not_cost_the_login(site: Site) -> None:
    client = site.client(ROOT)
    await client.version()
    site.faults.node_dead("pve1")
    await client.version()
    assert logins(site) == 1


def test_passwords_show_nowhere() -> None:
    shown = repr(PasswordCredentials(username="a@pam", password="p4ss", totp="123456"))
    assert "p4ss" not in shown
    assert "123456" not in shown
