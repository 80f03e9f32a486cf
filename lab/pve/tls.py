"""The certificate authority of the simulated cluster and a certificate for each node.

Names, extensions and validity follow what ``pvecm updatecerts`` makes; the keys are
elliptic curves because those are made in milliseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
import datetime as dt
import ipaddress
from pathlib import Path
import ssl
import tempfile
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CA_LIFE = dt.timedelta(days=3650)
_NODE_LIFE = dt.timedelta(days=730)
_DOMAIN = "lab.test"


def fingerprint(certificate: x509.Certificate) -> str:
    """The SHA-256 in the form that Proxmox VE shows: upper case, with colons."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(
            encoding, form, serialization.NoEncryption()
        ).decode()

    def save(self, directory: Path, name: str) -> None:
        (directory / f"{name}.key").touch(mode=0o600)
        (directory / f"{name}.key").write_text(self.key_pem)
        (directory / f"{name}.pem").write_text(self.certificate_pem)


def _load(directory: Path, name: str) -> _Pair | None:
    certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
    if not (certificate.exists() and key.exists()):
        return None
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey):
        return None
    return _Pair(
        certificate=x509.load_pem_x509_certificate(certificate.read_bytes()), key=loaded
    )


def _name(*attributes: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


def _make_ca() -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(
        (NameOID.COMMON_NAME, "Proxmox Virtual Environment"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, str(uuid.uuid4())),
        (NameOID.ORGANIZATION_NAME, "PVE Cluster Manager CA"),
    )
    builder = _builder(name, name, key, _CA_LIFE).add_extension(
        x509.BasicConstraints(True, None), critical=True
    )
    usage = _key_usage(signs_certificates=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = builder.add_extension(usage, critical=True).add_extension(
        identifier, critical=False
    )
    return _Pair(certificate=builder.sign(key, hashes.SHA256()), key=key)


def _make_node(ca: _Pair, name: str, address: str) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "PVE Cluster Node"),
        (NameOID.ORGANIZATION_NAME, "Proxmox Virtual Environment"),
        (NameOID.COMMON_NAME, f"{name}.{_DOMAIN}"),
    )
    builder = _builder(subject, ca.certificate.subject, key, _NODE_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(False, None), critical=False)
    builder = builder.add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
    )
    builder = builder.add_extension(
        x509.SubjectAlternativeName(_alternative_names(name, address)), critical=False
    )
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key())
    builder = builder.add_extension(issuer, critical=False)
    return _Pair(certificate=builder.sign(ca.key, hashes.SHA256()), key=key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    life: dt.timedelta,
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + life)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative_names(name: str, address: str) -> list[x509.GeneralName]:
    addresses = dict.fromkeys(["127.0.0.1", "::1", address])
    names: list[x509.GeneralName] = [
        x509.IPAddress(ipaddress.ip_address(text)) for text in addresses
    ]
    return [
        *names,
        *(x509.DNSName(text) for text in ("localhost", name, f"{name}.{_DOMAIN}")),
    ]


class ClusterTls:
    """The authority of one cluster and the certificate of each of its nodes.

    With a `directory` the keys are kept in it and used again at the next start. Making
    and loading reads and writes files: do it in a thread when a loop is running.
    """

    def __init__(
        self, nodes: Mapping[str, str], *, directory: Path | None = None
    ) -> None:
        self._scratch = (
            tempfile.TemporaryDirectory(prefix="lab-tls-")
            if directory is None
            else None
        )
        self._directory = (
            Path(self._scratch.name) if self._scratch else directory or Path()
        )
        self._directory.mkdir(parents=True, exist_ok=True)
        self._addresses = dict(nodes)
        kept = _load(self._directory, "pve-root-ca")
        self._ca = kept or _make_ca()
        self._ca.save(self._directory, "pve-root-ca")
        self._nodes: dict[str, _Pair] = {}
        self._contexts: dict[str, ssl.SSLContext] = {}
        for name in nodes:
            self._install(
                name,
                (_load(self._directory, name) if kept else None) or self._issue(name),
            )

    @property
    def ca_pem(self) -> str:
        """The certificate of the authority."""
        return self._ca.certificate_pem

    @property
    def ca_certificate(self) -> x509.Certificate:
        """The certificate of the authority, parsed."""
        return self._ca.certificate

    @property
    def ca_fingerprint(self) -> str:
        """The SHA-256 of the authority's certificate."""
        return fingerprint(self._ca.certificate)

    def certificate(self, node: str) -> x509.Certificate:
        """The certificate that a node presents now."""
        return self._nodes[node].certificate

    def certificate_pem(self, node: str) -> str:
        """The same as text."""
        return self._nodes[node].certificate_pem

    def fingerprint(self, node: str) -> str:
        """The SHA-256 of the certificate that a node presents now."""
        return fingerprint(self._nodes[node].certificate)

    def context(self, node: str) -> ssl.SSLContext:
        """What a node's port uses; the next connection sees a renewed certificate."""
        return self._contexts[node]

    def renew(self, node: str) -> str:
        """Give a node a new certificate of this authority; returns its fingerprint."""
        self._install(node, self._issue(node))
        return self.fingerprint(node)

    def replace_ca(self) -> None:
        """Make a new authority and all certificates anew, as an installation does."""
        self._ca = _make_ca()
        self._ca.save(self._directory, "pve-root-ca")
        for node in self._nodes:
            self.renew(node)

    def close(self) -> None:
        """Remove keys that were not meant to stay."""
        if self._scratch is not None:
            self._scratch.cleanup()

    def _issue(self, node: str) -> _Pair:
        return _make_node(self._ca, node, self._addresses[node])

    def _install(self, node: str, pair: _Pair) -> None:
        pair.save(self._directory, node)
        self._nodes[node] = pair
        if node not in self._contexts:
            self._contexts[node] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        chain = self._directory / f"{node}.pem", self._directory / f"{node}.key"
        self._contexts[node].load_cert_chain(*chain)
