"""Which certificate is accepted from which address."""

import asyncio
import ssl
from typing import Final

import aiohttp

from ...errors import CertificateChangedError, CertificateError
from ..trust import Trust, fetch_fingerprint, normal_fingerprint, pinned_context
from .failures import MemberError

type Trusted = ssl.SSLContext | aiohttp.Fingerprint | bool

# The system's authorities, in the context that the session has loaded already.
_SYSTEM: Final = True


class Certificates:
    """Applies a `Trust` to addresses.

    The authority of the cluster is asked first, then fingerprints: those confirmed by
    the user and those that the cluster told of its members. Any of them is good
    for any address, because addresses may move between members.
    """

    def __init__(self, trust: Trust, port: int) -> None:
        """Prepare; the authority is loaded at first use, off the event loop."""
        # The one fingerprint that was confirmed says nothing about other members.
        self.needs_members = bool(trust.fingerprint) and not trust.ca_pem
        self._trust = trust
        self._port = port
        self._fingerprints = set(trust.fingerprints)
        self._context: ssl.SSLContext | None = None
        self._by_host: dict[str, Trusted] = {}
        # One object per fingerprint: the session keeps its connections by it.
        self._pins: dict[str, aiohttp.Fingerprint] = {}

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Every accepted fingerprint."""
        return tuple(sorted(self._fingerprints))

    def accept(self, fingerprints: set[str]) -> None:
        """Accept what a trusted member told; without pins nothing changes."""
        if self._trust.is_pinned:
            self._fingerprints |= set(map(normal_fingerprint, fingerprints))
            self.needs_members = False

    async def trusted(self, host: str) -> Trusted:
        """Return what `host` has to present, as aiohttp takes it."""
        if (known := self._by_host.get(host)) is not None:
            return known
        if self._trust.ca_pem:
            if self._context is None:
                self._context = await asyncio.to_thread(
                    pinned_context, self._trust.ca_pem
                )
            return self._context
        if self._trust.fingerprint:
            return self._pin(normal_fingerprint(self._trust.fingerprint))
        return _SYSTEM

    async def reconsider(self, host: str, failure: MemberError) -> Trusted:
        """Return what fits the certificate that was refused, when it is known.

        Raises `MemberError` for one that is not, with the fingerprint to compare.
        """
        if failure.presented is None:
            raise failure
        presented = failure.presented or await fetch_fingerprint(host, self._port)
        if presented in self._fingerprints:
            self._by_host[host] = self._pin(presented)
            return self._by_host[host]
        if self._by_host.pop(host, None) is not None and self._context is not None:
            return self._context
        self.needs_members = True
        kind = CertificateChangedError if self._trust.is_pinned else CertificateError
        raise MemberError(
            kind(f"certificate {presented} refused: {failure}", fingerprint=presented),
            presented=presented,
        )

    def _pin(self, fingerprint: str) -> aiohttp.Fingerprint:
        if fingerprint not in self._pins:
            digest = bytes.fromhex(fingerprint.replace(":", ""))
            self._pins[fingerprint] = aiohttp.Fingerprint(digest)
        return self._pins[fingerprint]
