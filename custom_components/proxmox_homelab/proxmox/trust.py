"""Whose certificate is accepted: the system's authorities, or what a user confirmed.

Proxmox VE signs its certificates with an authority of the cluster's own, so most of
them have to be confirmed once by their SHA-256.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
import hashlib
import socket
import ssl

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from ..errors import CannotConnectError, ProtocolError, RequestTimeoutError

_CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What was confirmed; nothing at all means the system's authorities.

    fingerprint: the SHA-256 of the certificate that the user compared.
    ca_pem: the authority of the cluster, which vouches for every member.
    member_fingerprints: those that the cluster itself told of its other members.
    """

    fingerprint: str | None = None
    ca_pem: str | None = None
    member_fingerprints: tuple[str, ...] = ()

    @property
    def is_pinned(self) -> bool:
        """Whether a user confirmed something."""
        return bool(self.fingerprint or self.ca_pem)

    @property
    def fingerprints(self) -> frozenset[str]:
        """All accepted fingerprints in the form of `normal_fingerprint`."""
        own = (self.fingerprint,) if self.fingerprint else ()
        return frozenset(map(normal_fingerprint, (*own, *self.member_fingerprints)))


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentedCertificate:
    """What a server showed; nothing of it has been accepted.

    `publicly_trusted` says that the system's authorities and the host name accept it.
    `ca_pem` is the self-signed authority that was sent along and signed it, if any.
    """

    fingerprint: str
    subject: str
    issuer: str
    expires_at: datetime
    publicly_trusted: bool
    ca_pem: str | None = None


def normal_fingerprint(text: str) -> str:
    """Return a SHA-256 as colon separated upper-case hex, however it was written."""
    digits = "".join(char for char in text if char not in ": \t").upper()
    return ":".join(digits[i : i + 2] for i in range(0, len(digits), 2))


def fingerprint_of(certificate: bytes) -> str:
    """Return the SHA-256 of a DER certificate in the form that Proxmox VE shows."""
    return hashlib.sha256(certificate).digest().hex(":").upper()


def pinned_context(ca_pem: str) -> ssl.SSLContext:
    """Return a context that accepts what `ca_pem` signed, under any host name.

    Certificates of a cluster name their node, which need not be the address that
    is used. Blocking. Raises `ProtocolError` when `ca_pem` is no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=ca_pem)
    except (ssl.SSLError, ValueError) as err:
        raise ProtocolError(f"unusable CA certificate: {err}") from err
    return context


async def fetch_certificate(
    host: str, port: int, *, timeout: float = _CONNECT_SECONDS
) -> PresentedCertificate:
    """Return the certificate that is presented; nothing is ever sent to the host.

    Raises `CannotConnectError`, `RequestTimeoutError`, or `ProtocolError` when what
    answers does not speak TLS.
    """
    contexts = await asyncio.to_thread(_probe_contexts)
    chain = await _present(host, port, contexts[0], timeout)
    trusted = await _is_trusted(host, port, contexts[1], timeout)
    return await asyncio.to_thread(_describe, chain, trusted)


async def fetch_fingerprint(host: str, port: int) -> str:
    """Return the SHA-256 that is presented, or "" when that cannot be found out."""
    context = await asyncio.to_thread(_unverified_context)
    with suppress(CannotConnectError, ProtocolError):
        chain = await _present(host, port, context, _CONNECT_SECONDS)
        return fingerprint_of(chain[0])
    return ""


def _unverified_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _probe_contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return _unverified_context(), ssl.create_default_context()


async def _present(
    host: str, port: int, context: ssl.SSLContext, timeout: float
) -> list[bytes]:
    """Return the chain that is presented, leaf first, as DER."""
    name = f"{host}:{port}"
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except TimeoutError as err:
        raise RequestTimeoutError(f"no answer from {name}", host=host) from err
    except ssl.SSLError as err:
        raise ProtocolError(f"{name} does not speak TLS: {err.reason}") from err
    except socket.gaierror as err:
        raise CannotConnectError(f"unknown host {host}", host=host) from err
    except ConnectionResetError as err:
        raise ProtocolError(f"{name} hung up instead of speaking TLS") from err
    except OSError as err:
        raise CannotConnectError(f"cannot connect to {name}: {err}", host=host) from err
    try:
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        return list(tls.get_unverified_chain())
    finally:
        writer.transport.abort()


async def _is_trusted(
    host: str, port: int, context: ssl.SSLContext, timeout: float
) -> bool:
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except OSError:
        return False
    writer.transport.abort()
    return True


def _describe(chain: list[bytes], trusted: bool) -> PresentedCertificate:
    leaf = x509.load_der_x509_certificate(chain[0])
    return PresentedCertificate(
        fingerprint=fingerprint_of(chain[0]),
        subject=leaf.subject.rfc4514_string(),
        issuer=leaf.issuer.rfc4514_string(),
        expires_at=leaf.not_valid_after_utc.astimezone(UTC),
        publicly_trusted=trusted,
        ca_pem=_sent_authority(leaf, chain[1:]),
    )


def _sent_authority(leaf: x509.Certificate, rest: list[bytes]) -> str | None:
    for der in rest:
        authority = x509.load_der_x509_certificate(der)
        if authority.subject == authority.issuer and signed_by(leaf, authority):
            return ssl.DER_cert_to_PEM_cert(der)
    return None


def signed_by(leaf: x509.Certificate, authority: x509.Certificate) -> bool:
    """Say whether `authority` issued `leaf`."""
    try:
        leaf.verify_directly_issued_by(authority)
    except ValueError, TypeError, InvalidSignature:
        return False
    return True
