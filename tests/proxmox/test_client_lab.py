"""The client against the whole simulated cluster: what it reads and what it moves."""

from collections.abc import AsyncIterator

import pytest

from custom_components.proxmox_homelab.errors import (
    AuthenticationError,
    CommandRefusedError,
    NodeUnreachableError,
    NotFoundError,
    PermissionDeniedError,
    TaskFailedError,
)
from custom_components.proxmox_homelab.proxmox.client import (
    ProxmoxClient,
    cluster_unique_id,
)
from custom_components.proxmox_homelab.proxmox.credentials import (
    Credentials,
    PasswordCredentials,
    TokenCredentials,
)
from custom_components.proxmox_homelab.proxmox.models import (
    Guest,
    GuestCommand,
    GuestState,
    GuestType,
    Resources,
    TaskOutcome,
)
from custom_components.proxmox_homelab.proxmox.privileges import (
    FEATURES,
    AccessLevel,
    evaluate,
)
from custom_components.proxmox_homelab.proxmox.trust import Trust
from lab import Lab, LabSettings

from .conftest import Site


@pytest.fixture(params=["9.2", "8.4"])
async def lab(request: pytest.FixtureRequest) -> AsyncIterator[Lab]:
    async with Lab("cluster", settings=LabSettings(pve_version=request.param)) as lab:
        yield lab


@pytest.fixture
async def house() -> AsyncIterator[Lab]:
    async with Lab("house") as lab:
        yield lab


def token_of(lab: Lab, access: str) -> TokenCredentials:
    token_id, _, secret = lab.pve.tokens[access].partition("=")
    return TokenCredentials(token_id=token_id, secret=secret)


def client_of(
    lab: Lab, site: Site, credentials: Credentials | None = None
) -> ProxmoxClient:
    return ProxmoxClient(
        site.session,
        hosts=[lab.pve.host(node) for node in lab.pve.cluster.nodes],
        port=lab.pve.port,
        credentials=credentials or token_of(lab, "root"),
        trust=Trust(ca_pem=lab.pve.ca_pem),
    )


def pick(found: Resources, kind: GuestType, state: GuestState) -> Guest:
    return next(
        guest
        for guest in found.guests.values()
        if guest.type is kind
        and guest.state is state
        and not guest.ha_state
        and not guest.lock
    )


async def finished(client: ProxmoxClient, upid: str) -> TaskOutcome:
    result = await client.wait_for_task(upid, deadline_seconds=20, poll_seconds=0.05)
    return result.outcome


async def test_reads_the_whole_cluster(lab: Lab, site: Site) -> None:
    client = client_of(lab, site)
    found = await client.resources()
    assert set(found.nodes) == set(lab.pve.cluster.nodes)
    assert len(found.guests) + found.templates == len(lab.pve.cluster.guests)
    assert all(guest.state is not None for guest in found.guests.values())
    status = await client.cluster_status()
    assert status.quorate
    assert {member.name for member in status.members} == set(found.nodes)
    identity = await client.identity()
    assert identity.ca_fingerprint == lab.pve.ca_fingerprint
    assert cluster_unique_id(identity).startswith(f"{status.name}-")
    assert identity.ca_pem is not None


async def test_reads_every_detail_of_every_node(lab: Lab, site: Site) -> None:
    client = client_of(lab, site)
    for node in lab.pve.cluster.nodes:
        detail = await client.node_detail(node)
        assert detail.load is not None
        assert detail.pve_version
        assert (await client.certificates(node))[0].expires_at is not None
        assert (await client.subscription(node)).status
        assert all(disk.identity for disk in await client.disks(node))
        assert all(update.package for update in await client.apt_updates(node))
        assert all(job.target for job in await client.replication(node))
    assert isinstance((await client.backup_coverage()).uncovered, frozenset)


async def test_reads_every_detail_of_every_guest(lab: Lab, site: Site) -> None:
    client = client_of(lab, site)
    for guest in (await client.resources()).guests.values():
        config = await client.guest_config(guest.ref)
        assert config.vmid == guest.vmid
        assert config.macs
        fresh = await client.guest_status(guest)
        assert (fresh.state, fresh.name) == (guest.state, guest.name)
        await client.snapshots(guest.ref)


async def test_reads_guests_from_inside(lab: Lab, site: Site) -> None:
    client = client_of(lab, site)
    answered = 0
    for guest in (await client.resources()).guests.values():
        if guest.state is not GuestState.RUNNING:
            continue
        try:
            inside = await client.guest_inside(guest.ref)
        except CommandRefusedError:
            continue
        answered += bool(inside.addresses)
    assert answered


@pytest.mark.parametrize("kind", GuestType)
async def test_shuts_a_guest_down_and_starts_it(
    lab: Lab, site: Site, kind: GuestType
) -> None:
    client = client_of(lab, site)
    guest = pick(await client.resources(), kind, GuestState.RUNNING)
    upid = await client.guest_command(guest.ref, GuestCommand.SHUTDOWN, timeout=30)
    await finished(client, upid)
    assert (await client.guest_status(guest)).state is GuestState.STOPPED
    await finished(client, await client.guest_command(guest.ref, GuestCommand.START))
    assert (await client.guest_status(guest)).state is GuestState.RUNNING
    upid = await client.guest_command(guest.ref, GuestCommand.STOP)
    await finished(client, upid)
    assert (await client.guest_status(guest)).state is GuestState.STOPPED


async def test_pauses_a_vm_and_resumes_it(lab: Lab, site: Site) -> None:
    client = client_of(lab, site)
    vm = pick(await client.resources(), GuestType.VM, GuestState.RUNNING)
    await finished(client, await client.guest_command(vm.ref, GuestCommand.SUSPEND))
    assert (await client.guest_status(vm)).state is GuestState.PAUSED
    await finished(client, await client.guest_command(vm.ref, GuestCommand.RESUME))
    assert (await client.guest_status(vm)).state is GuestState.RUNNING


async def test_takes_a_snapshot_goes_back_and_deletes_it(lab: Lab, site: Site) -> None:
    client = client_of(lab, site)
    feasible = [
        guest
        for guest in (await client.resources()).guests.values()
        if guest.state is GuestState.RUNNING
        and not guest.ha_state
        and await client.snapshot_feasible(guest.ref)
    ]
    guest = feasible[0]
    before = len(await client.snapshots(guest.ref))
    await finished(client, await client.create_snapshot(guest.ref, "ha_before", "x; y"))
    taken = (await client.snapshots(guest.ref))[-1]
    assert (taken.name, taken.description) == ("ha_before", "x; y")
    await finished(client, await client.rollback_snapshot(guest.ref, "ha_before"))
    await finished(client, await client.delete_snapshot(guest.ref, "ha_before"))
    assert len(await client.snapshots(guest.ref)) == before


async def test_backs_a_guest_up(lab: Lab, site: Site) -> None:
    client = client_of(lab, site)
    found = await client.resources()
    guest = pick(found, GuestType.CONTAINER, GuestState.RUNNING)
    storage = next(
        storage
        for storage in found.storages.values()
        if "backup" in storage.content and guest.node in storage.nodes
    )
    before = await client.backups(guest.node, storage.name, guest.vmid)
    upid = await client.create_backup(guest.ref, storage.name, notes="a\nb")
    assert await finished(client, upid) in (TaskOutcome.OK, TaskOutcome.WARNINGS)
    after = await client.backups(guest.node, storage.name, guest.vmid)
    assert {backup.volume for backup in before} < {backup.volume for backup in after}
    assert upid in {task.upid for task in await client.tasks()}


async def test_moves_a_vm_that_is_found_at_its_new_node(lab: Lab, site: Site) -> None:
    client = client_of(lab, site)
    found = await client.resources()
    guest = pick(found, GuestType.VM, GuestState.RUNNING)
    target = next(node for node in found.nodes if node != guest.node)
    upid = await client.migrate_guest(guest.ref, target, online=True)
    await finished(client, upid)
    moved = (await client.resources(found)).guests[guest.vmid]
    assert moved.node == target
    with pytest.raises(NotFoundError):
        await client.guest_config(guest.ref)
    assert (await client.guest_config(moved.ref)).vmid == guest.vmid


async def test_a_locked_guest_says_so(lab: Lab, site: Site) -> None:
    client = client_of(lab, site)
    guest = pick(await client.resources(), GuestType.VM, GuestState.RUNNING)
    lab.pve.cluster.guests[guest.vmid].lock = "backup"
    assert (await client.guest_status(guest)).lock == "backup"
    upid = await client.create_snapshot(guest.ref, "ha_locked")
    with pytest.raises(TaskFailedError) as caught:
        await finished(client, upid)
    assert "locked (backup)" in caught.value.exit_status


async def test_a_dead_node_is_told_from_a_dead_cluster(lab: Lab, site: Site) -> None:
    client = client_of(lab, site)
    first, second, *_ = lab.pve.cluster.nodes
    lab.pve.faults.node_dead(second)
    found = await client.resources()
    assert found.nodes[second].online is False
    with pytest.raises(NodeUnreachableError) as caught:
        await client.node_detail(second)
    assert caught.value.placeholders["node"] == second
    assert (await client.node_detail(first)).load is not None


async def test_goes_on_when_the_member_in_use_dies(lab: Lab, site: Site) -> None:
    client = client_of(lab, site)
    first = next(iter(lab.pve.cluster.nodes))
    await client.resources()
    lab.pve.faults.node_dead(first)
    assert (await client.resources()).nodes[first].online is False
    assert client.hosts[0] != lab.pve.host(first)


@pytest.mark.parametrize("level", AccessLevel)
async def test_an_access_that_was_made_can_do_what_its_level_says(
    lab: Lab, site: Site, level: AccessLevel
) -> None:
    administrator = client_of(
        lab,
        site,
        PasswordCredentials(
            username="root@pam", password=lab.pve.passwords["root@pam"]
        ),
    )
    version = await administrator.version()
    client = client_of(lab, site, await administrator.set_up_access(level, version))
    features = evaluate(await client.permissions(), version.major)
    for feature, requirement in FEATURES.items():
        allowed = level.includes(requirement.level)
        assert features[feature].allowed is allowed, feature
    everything = await client_of(lab, site).resources()
    assert (await client.resources()).guests.keys() == everything.guests.keys()


async def test_a_token_without_rights_sees_next_to_nothing(
    lab: Lab, site: Site
) -> None:
    client = client_of(lab, site, token_of(lab, "empty"))
    assert (await client.resources()).guests == {}
    with pytest.raises(PermissionDeniedError):
        await client.cluster_status()
    assert (await client.identity()).nodes == tuple(sorted(lab.pve.cluster.nodes))


async def test_a_revoked_token_is_refused(lab: Lab, site: Site) -> None:
    client = client_of(lab, site, token_of(lab, "monitor"))
    await client.resources()
    lab.pve.faults.revoke_token(lab.pve.tokens["monitor"])
    with pytest.raises(AuthenticationError):
        await client.resources()


async def test_reads_the_house(house: Lab, site: Site) -> None:
    client = client_of(house, site)
    found = await client.resources()
    assert found.guests[103].type is GuestType.VM
    config = await client.guest_config(found.guests[103].ref)
    assert config.agent_enabled
    inside = await client.guest_inside(found.guests[103].ref)
    assert inside.disk_mount == "/mnt/data"
    assert inside.macs
