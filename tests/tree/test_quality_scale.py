"""Every rule of the quality scale is judged, once and with a reason."""

from typing import Any

import pytest
import yaml

from .tree import INTEGRATION

# The rules of Home Assistant 2026.11, by tier.
BRONZE = """
action-setup appropriate-polling brands common-modules config-flow
config-flow-test-coverage dependency-transparency docs-actions docs-conditions
docs-high-level-description docs-installation-instructions
docs-removal-instructions docs-triggers entity-event-setup entity-unique-id
has-entity-name runtime-data test-before-configure test-before-setup
unique-config-entry
"""
SILVER = """
action-exceptions config-entry-unloading docs-configuration-parameters
docs-installation-parameters entity-unavailable integration-owner
log-when-unavailable parallel-updates reauthentication-flow test-coverage
"""
GOLD = """
devices diagnostics discovery discovery-update-info docs-data-update docs-examples
docs-known-limitations docs-supported-devices docs-supported-functions
docs-troubleshooting docs-use-cases dynamic-devices entity-category
entity-device-class entity-disabled-by-default entity-translations
exception-translations icon-translations reconfiguration-flow repair-issues
stale-devices
"""
PLATINUM = "async-dependency inject-websession strict-typing"
RULES = frozenset(f"{BRONZE} {SILVER} {GOLD} {PLATINUM}".split())


def misjudged(rules: dict[str, Any]) -> list[str]:
    """Return what is wrong with a set of judgements."""
    found = [f"{name} is missing" for name in RULES - set(rules)]
    found += [f"{name} is no rule" for name in set(rules) - RULES]
    for name, judgement in rules.items():
        full = judgement if isinstance(judgement, dict) else {"status": judgement}
        status, comment = full.get("status"), full.get("comment")
        if status not in ("done", "todo", "exempt"):
            found.append(f"{name} is {status}")
        if status in ("todo", "exempt") and not comment:
            found.append(f"{name} is {status} without a reason")
    return sorted(found)


def test_every_rule_is_judged() -> None:
    assert len(RULES) == 54
    content = (INTEGRATION / "quality_scale.yaml").read_text(encoding="utf-8")
    assert misjudged(yaml.safe_load(content)["rules"]) == []


@pytest.mark.parametrize(
    ("name", "judgement", "finding"),
    [
        ("brands", "perhaps", "brands is perhaps"),
        ("brands", "todo", "brands is todo without a reason"),
        ("brands", {"status": "exempt"}, "brands is exempt without a reason"),
        ("beauty", "done", "beauty is no rule"),
    ],
)
def test_a_bad_judgement_is_found(name: str, judgement: Any, finding: str) -> None:
    rules = dict.fromkeys(RULES, "done") | {name: judgement}
    assert misjudged(rules) == [finding]


def test_a_missing_rule_is_found() -> None:
    rules = dict.fromkeys(RULES - {"brands"}, "done")
    assert misjudged(rules) == ["brands is missing"]
