"""Every error of a client has its sentence on every form, with all its parts."""

import json
from pathlib import Path
import re
from typing import Any

import pytest

from custom_components.proxmox_homelab import errors
from custom_components.proxmox_homelab.proxmox.flow.problems import explain

TRANSLATIONS = Path(errors.__file__).parent / "translations"
RAISED: list[errors.HomelabError] = [
    errors.HomelabError("x"),
    errors.CannotConnectError("x"),
    errors.RequestTimeoutError("x"),
    errors.CertificateError("x"),
    errors.CertificateChangedError("x", fingerprint="AA"),
    errors.AuthenticationError("x"),
    errors.SecondFactorRequiredError("x"),
    errors.PermissionDeniedError("x", path="/", privileges=["Sys.Audit"]),
    errors.InvalidRequestError("x", errors={"vmid": "wrong"}),
    errors.NotFoundError("x", reason="gone"),
    errors.NodeUnreachableError("x"),
    errors.NoQuorumError("x"),
    errors.CommandRefusedError("x", reason="no"),
    errors.ProtocolError("x"),
]


@pytest.mark.parametrize("language", ["en", "de", "nb"])
@pytest.mark.parametrize("err", RAISED, ids=lambda err: type(err).__name__)
def test_an_error_has_its_sentence(err: errors.HomelabError, language: str) -> None:
    texts: dict[str, Any] = json.loads(
        (TRANSLATIONS / f"{language}.json").read_text(encoding="utf-8")
    )
    problem = explain(err)
    (key,) = problem.errors.values()
    for flow, given in (("config", {"address"}), ("options", set[str]())):
        needed = set(re.findall(r"\{(\w+)\}", texts[flow]["error"][key]))
        assert needed <= given | set(problem.placeholders)
