"""Certificates: looked at, confirmed, changed, vouched for."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
import ssl

from cryptography.hazmat.primitives.serialization import Encoding
import pytest

from custom_components.proxmox_homelab.errors import (
    CannotConnectError,
    CertificateChangedError,
    CertificateError,
    ProtocolError,
    RequestTimeoutError,
)
from custom_components.proxmox_homelab.proxmox.trust import (
    Trust,
    fetch_certificate,
    fetch_fingerprint,
    normal_fingerprint,
)
from lab.pve.api import ApiRequest
from lab.pve.tls import ClusterTls

from .conftest import ADDRESSES, Site

FIRST, SECOND = ADDRESSES.values()


@pytest.fixture
def tls() -> Iterator[ClusterTls]:
    made = ClusterTls({"pve1": FIRST})
    yield made
    made.close()


def pinned(site: Site, node: str = "pve1") -> Trust:
    return Trust(fingerprint=site.tls.fingerprint(node))


def tell_fingerprints(site: Site) -> None:
    """Let the cluster tell the certificates of its members, as it does."""

    async def nodes(request: ApiRequest) -> object:
        return [
            {"node": name, "ssl_fingerprint": site.tls.fingerprint(name)}
            for name in ADDRESSES
        ]

    site.router.handle("GET", "/nodes")(nodes)

    async def status(request: ApiRequest) -> object:
        return [
            {"type": "node", "name": name, "online": 1, "ip": address}
            for name, address in ADDRESSES.items()
        ]

    site.router.handle("GET", "/cluster/status")(status)


# --- looking at a certificate -------------------------------------------------------


async def test_shows_what_a_person_may_compare(site: Site) -> None:
    shown = await fetch_certificate(FIRST, site.server.port)
    assert shown.fingerprint == site.tls.fingerprint("pve1")
    assert "pve1" in shown.subject
    assert "PVE Cluster Manager CA" in shown.issuer
    assert shown.expires_at == site.tls.certificate("pve1").not_valid_after_utc
    assert not shown.publicly_trusted
    assert shown.ca_pem is None
    assert site.requests() == []


async def test_sees_what_the_system_trusts(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text(site.tls.ca_pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    assert (await fetch_certificate(FIRST, site.server.port)).publicly_trusted


async def test_keeps_an_authority_that_is_sent_along(
    tls: ClusterTls, tmp_path: Path
) -> None:
    other = ClusterTls({"pve1": FIRST})
    chain = tls.certificate_pem("pve1") + other.ca_pem + tls.ca_pem
    (tmp_path / "chain.pem").write_text(chain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    key = Path(tls._directory) / "pve1.key"
    context.load_cert_chain(tmp_path / "chain.pem", key)
    async with listening(context) as port:
        shown = await fetch_certificate(FIRST, port)
    other.close()
    assert shown.ca_pem is not None
    assert ssl.PEM_cert_to_DER_cert(shown.ca_pem) == tls.ca_certificate.public_bytes(
        Encoding.DER
    )


@asynccontextmanager
async def listening(
    context: ssl.SSLContext | None, *, says: bytes = b"", hang_up: bool = False
) -> AsyncIterator[int]:
    """Listen on a free port, and say the same to whoever comes."""
    callers: set[asyncio.StreamWriter] = set()

    def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.add(writer)
        writer.write(says)
        if hang_up:
            writer.transport.abort()

    server = await asyncio.start_server(greet, FIRST, 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for caller in callers:
            caller.transport.abort()
        await asyncio.sleep(0)


async def test_tells_a_closed_port(site: Site) -> None:
    site.faults.node_dead("pve1")
    with pytest.raises(CannotConnectError) as caught:
        await fetch_certificate(FIRST, site.server.port)
    assert type(caught.value) is CannotConnectError
    assert caught.value.placeholders == {"host": FIRST}


async def test_a_fingerprint_that_cannot_be_had_is_empty(site: Site) -> None:
    assert await fetch_fingerprint(FIRST, site.server.port) == site.tls.fingerprint(
        "pve1"
    )
    site.faults.node_dead("pve1")
    assert await fetch_fingerprint(FIRST, site.server.port) == ""


@pytest.mark.usefixtures("no_names")
async def test_tells_an_unknown_name() -> None:
    with pytest.raises(CannotConnectError, match="unknown host"):
        await fetch_certificate("nobody.invalid", 8006)


async def test_tells_a_port_that_speaks_something_else() -> None:
    async with listening(None, says=b"220 mail.lab.test\r\n") as port:
        with pytest.raises(ProtocolError, match="TLS"):
            await fetch_certificate(FIRST, port)


async def test_tells_a_port_that_hangs_up_at_once() -> None:
    async with listening(None, hang_up=True) as port:
        with pytest.raises(ProtocolError):
            await fetch_certificate(FIRST, port)


async def test_tells_a_port_that_stays_silent() -> None:
    async with listening(None) as port:
        with pytest.raises(RequestTimeoutError):
            await fetch_certificate(FIRST, port, timeout=0.1)


@pytest.mark.parametrize("text", ["ab:cd:EF", "abcdef", " AB CD EF "])
def test_knows_a_fingerprint_however_it_is_written(text: str) -> None:
    assert normal_fingerprint(text) == "AB:CD:EF"


# --- applying what was confirmed ----------------------------------------------------


async def test_refuses_what_nobody_confirmed(site: Site) -> None:
    with pytest.raises(CertificateError) as caught:
        await site.client(hosts=[FIRST], trust=Trust()).version()
    assert type(caught.value) is CertificateError
    assert caught.value.fingerprint == site.tls.fingerprint("pve1")
    assert site.requests() == []


async def test_accepts_every_member_that_the_authority_signed(site: Site) -> None:
    client = site.client(trust=Trust(ca_pem=site.tls.ca_pem))
    await client.version()
    site.faults.node_dead("pve1")
    await client.version()
    assert [record.node for record in site.requests()] == ["pve1", "pve2"]


async def test_the_authority_survives_a_new_certificate(site: Site) -> None:
    client = site.client(hosts=[FIRST])
    await client.version()
    site.tls.renew("pve1")
    site.faults.node_dead("pve1")
    site.faults.node_alive("pve1")
    await client.version()
    assert len(site.requests()) == 2


async def test_refuses_another_authority(site: Site) -> None:
    client = site.client(hosts=[FIRST])
    site.tls.replace_ca()
    with pytest.raises(CertificateChangedError) as caught:
        await client.version()
    assert caught.value.fingerprint == site.tls.fingerprint("pve1")
    assert site.requests() == []


async def test_an_unusable_authority_is_told(site: Site) -> None:
    with pytest.raises(ProtocolError):
        await site.client(trust=Trust(ca_pem="no certificate")).version()


async def test_accepts_the_confirmed_certificate_in_any_spelling(site: Site) -> None:
    spelling = site.tls.fingerprint("pve1").lower().replace(":", "")
    await site.client(hosts=[FIRST], trust=Trust(fingerprint=spelling)).version()
    assert len(site.requests()) == 1


async def test_refuses_a_changed_certificate_before_anything_is_sent(
    site: Site,
) -> None:
    client = site.client(hosts=[FIRST], trust=pinned(site))
    new = site.tls.renew("pve1")
    with pytest.raises(CertificateChangedError) as caught:
        await client.version()
    assert caught.value.fingerprint == new
    assert caught.value.placeholders["fingerprint"] == new
    assert site.requests() == []


async def test_a_fingerprint_counts_where_the_authority_does_not(site: Site) -> None:
    old_ca = site.tls.ca_pem
    site.tls.replace_ca()
    trust = Trust(ca_pem=old_ca, fingerprint=site.tls.fingerprint("pve1"))
    client = site.client(hosts=[FIRST], trust=trust)
    await client.version()
    await client.version()
    assert len(site.requests()) == 2


async def test_the_authority_counts_again_after_a_fingerprint_did(site: Site) -> None:
    """A node may go from a certificate of its own back to the cluster's."""
    ca_pem = site.tls.ca_pem
    own = ClusterTls(ADDRESSES)
    kept = site.tls._contexts["pve1"]
    directory = Path(own._directory)
    kept.load_cert_chain(directory / "pve1.pem", directory / "pve1.key")
    trust = Trust(ca_pem=ca_pem, fingerprint=own.fingerprint("pve1"))
    client = site.client(hosts=[FIRST], trust=trust)
    await client.version()
    site.tls.renew("pve1")
    site.faults.node_dead("pve1")
    site.faults.node_alive("pve1")
    await client.version()
    own.close()
    assert len(site.requests()) == 2


async def test_other_members_are_strangers_until_the_cluster_vouches_for_them(
    site: Site,
) -> None:
    tell_fingerprints(site)
    client = site.client(trust=pinned(site))
    site.faults.node_dead("pve1")
    with pytest.raises(CannotConnectError) as caught:
        await client.version()
    assert not isinstance(caught.value, CertificateError)
    site.faults.node_alive("pve1")
    told = await client.learn_members()
    assert set(told) == {site.tls.fingerprint(node) for node in ADDRESSES}
    site.faults.node_dead("pve1")
    await client.version()
    assert client.hosts[0] == SECOND


async def test_what_the_cluster_told_can_be_kept(site: Site) -> None:
    trust = Trust(
        fingerprint=site.tls.fingerprint("pve1"),
        member_fingerprints=(site.tls.fingerprint("pve2"),),
    )
    client = site.client(hosts=[SECOND], trust=trust)
    await client.version()
    assert client.member_fingerprints == tuple(
        sorted(site.tls.fingerprint(node) for node in ADDRESSES)
    )


async def test_the_cluster_vouches_for_the_next_certificate_of_a_member(
    site: Site,
) -> None:
    tell_fingerprints(site)
    client = site.client(trust=pinned(site))
    await client.cluster_status()
    new = site.tls.renew("pve1")
    site.faults.node_dead("pve1")
    site.faults.node_alive("pve1")
    # The changed member is refused, the other one answers and tells why.
    await client.cluster_status()
    assert client.hosts[0] == SECOND
    assert new in client.member_fingerprints
    site.faults.node_dead("pve2")
    await client.version()
    assert client.hosts[0] == FIRST


async def test_without_a_pin_nobody_vouches(site: Site) -> None:
    tell_fingerprints(site)
    client = site.client(trust=Trust(ca_pem=site.tls.ca_pem))
    open_client = site.client(trust=Trust())
    open_client._transport.certificates.accept({site.tls.fingerprint("pve1")})
    assert open_client.member_fingerprints == ()
    await client.cluster_status()
    assert site.requests("GET", "/nodes") == []


async def test_the_status_of_the_cluster_names_members_and_certificates_once(
    site: Site,
) -> None:
    tell_fingerprints(site)
    client = site.client(hosts=[FIRST], trust=pinned(site))
    await client.cluster_status()
    await client.cluster_status()
    assert client.hosts == (FIRST, SECOND)
    assert len(site.requests("GET", "/nodes")) == 1
    site.faults.node_dead("pve1")
    await client.version()


async def test_an_address_that_speaks_something_else_is_told(
    site: Site, tls: ClusterTls
) -> None:
    context = tls.context("pve1")
    async with listening(context, says=b"220 mail.lab.test\r\n\r\n") as port:
        client = site.client(hosts=[FIRST], port=port, trust=Trust(ca_pem=tls.ca_pem))
        with pytest.raises((ProtocolError, CannotConnectError)):
            await client.version()


async def test_an_address_that_never_finishes_connecting_is_left(site: Site) -> None:
    async with listening(None) as port:
        client = site.client(hosts=[FIRST], port=port)
        with pytest.raises(RequestTimeoutError, match="does not answer"):
            await client._api.version.within(0.2).get()
