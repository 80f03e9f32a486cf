"""How the client proves who it is. Secrets never show in a representation."""

from dataclasses import dataclass, field
from enum import StrEnum
import re

# USER@REALM!TOKENNAME=SECRET, the header value of the API and what `pveum` prints
# in two cells; the forms are those of pve-user-id, pve-realm and token names.
_USER = r"[^\s:/@!=]+@[A-Za-z][A-Za-z0-9.\-_]+"
_TOKEN_NAME = r"[A-Za-z][A-Za-z0-9.\-_]+"
_TOKEN_ID = re.compile(rf"(?P<user>{_USER})!(?P<name>{_TOKEN_NAME})")
_SECRET = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_HEADER = re.compile(r"^(?:authorization:\s*)?(?:PVEAPIToken\s*=\s*)?", re.IGNORECASE)


class TokenFault(StrEnum):
    """What is wrong with a text that should be a token."""

    EMPTY = "token_empty"
    WITHOUT_NAME = "token_without_name"
    WITHOUT_REALM = "token_without_realm"
    WITHOUT_SECRET = "token_without_secret"
    MALFORMED = "token_malformed"
    SECRET_MALFORMED = "token_secret_malformed"


class TokenFormatError(ValueError):
    """A text is not a complete token; `fault` names the translated sentence."""

    fault: TokenFault

    def __init__(self, fault: TokenFault) -> None:
        """Keep the reason; the text itself may hold a secret and is not kept."""
        super().__init__(fault)
        self.fault = fault


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCredentials:
    """An API token: `token_id` is user@realm!name."""

    token_id: str
    secret: str = field(repr=False)

    @property
    def username(self) -> str:
        """The owner of the token as user@realm."""
        return self.token_id.partition("!")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordCredentials:
    """A user with a password; `totp` is a one-time code for the next login only."""

    username: str
    password: str = field(repr=False)
    totp: str | None = field(default=None, repr=False)


type Credentials = TokenCredentials | PasswordCredentials


def parse_token(text: str) -> TokenCredentials:
    """Return the token of a pasted `user@realm!id=secret`.

    The words that people copy along (`Authorization: PVEAPIToken=`, quotes, blanks)
    are tolerated. Raises `TokenFormatError` with what is wrong.
    """
    stripped = _HEADER.sub("", text.strip().strip("\"'")).strip()
    if not stripped:
        raise TokenFormatError(TokenFault.EMPTY)
    token_id, equals, secret = stripped.partition("=")
    token_id, secret = token_id.strip(), secret.strip().strip("\"'")
    if "!" not in token_id:
        raise TokenFormatError(TokenFault.WITHOUT_NAME)
    if "@" not in token_id.partition("!")[0]:
        raise TokenFormatError(TokenFault.WITHOUT_REALM)
    if not equals or not secret:
        raise TokenFormatError(TokenFault.WITHOUT_SECRET)
    if not _TOKEN_ID.fullmatch(token_id):
        raise TokenFormatError(TokenFault.MALFORMED)
    if not _SECRET.fullmatch(secret):
        raise TokenFormatError(TokenFault.SECRET_MALFORMED)
    return TokenCredentials(token_id=token_id, secret=secret)
