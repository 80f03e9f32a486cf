"""Keys and certificates that the lab makes for its systems.

The keys are elliptic curves because those are made in milliseconds.
"""

from dataclasses import dataclass
import datetime as dt
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> str:
        """The certificate as text."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        """The key as text."""
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(
            encoding, form, serialization.NoEncryption()
        ).decode()

    def save(self, directory: Path, name: str) -> None:
        """Write both as `name.pem` and `name.key`, the key for its owner only."""
        (directory / f"{name}.key").touch(mode=0o600)
        (directory / f"{name}.key").write_text(self.key_pem)
        (directory / f"{name}.pem").write_text(self.certificate_pem)


def load(directory: Path, name: str) -> Pair | None:
    """Return what `Pair.save` wrote, None when it is not there."""
    certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
    if not (certificate.exists() and key.exists()):
        return None
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey):
        return None
    return Pair(
        certificate=x509.load_pem_x509_certificate(certificate.read_bytes()), key=loaded
    )


def make_key() -> ec.EllipticCurvePrivateKey:
    """Make a key."""
    return ec.generate_private_key(ec.SECP256R1())


def make_name(*attributes: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    """Return the name of a holder or an issuer."""
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


def builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    life: dt.timedelta,
) -> x509.CertificateBuilder:
    """Begin a certificate that is valid from an hour ago on."""
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


def make_authority(name: x509.Name, life: dt.timedelta) -> Pair:
    """Make an authority that signs itself."""
    key = make_key()
    usage = x509.KeyUsage(
        digital_signature=False,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        builder(name, name, key, life)
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    return Pair(certificate=certificate, key=key)


def issue(
    authority: Pair,
    subject: x509.Name,
    life: dt.timedelta,
    *extensions: x509.ExtensionType,
) -> Pair:
    """Make a certificate of an authority with these extensions, none of them critical.

    What every end entity has is added: that it is no authority, and who signed it.
    """
    key = make_key()
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(
        authority.key.public_key()
    )
    made = builder(subject, authority.certificate.subject, key, life)
    for extension in (x509.BasicConstraints(False, None), *extensions, issuer):
        made = made.add_extension(extension, critical=False)
    return Pair(certificate=made.sign(authority.key, hashes.SHA256()), key=key)
