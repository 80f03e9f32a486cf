"""Every text that the code asks for is there, and no text is there for nothing."""

import ast
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from homeassistant.const import Platform
import pytest
import yaml

from .test_translations import leaves, placeholders
from .tree import (
    INTEGRATION,
    PACKAGE,
    Module,
    descriptions,
    integration_modules,
    load_json,
    strings,
)
from .usage import (
    abort_keys,
    error_keys,
    exception_keys,
    given_placeholders,
    issue_keys,
    schema_fields,
    selector_options,
    step_keys,
    usage,
)

# Home Assistant's own sentences, and those that its helpers ask us for.
OF_CORE = frozenset(
    {"already_in_progress", "reauth_successful", "reconfigure_successful"}
)
OF_HELPERS = frozenset({"already_configured", "unique_id_mismatch"})
TOP_LEVEL = frozenset(
    {
        "config",
        "entity",
        "exceptions",
        "issues",
        "options",
        "selector",
        "services",
        "system_health",
        "title",
    }
)


def english() -> dict[str, Any]:
    """Return the English texts."""
    return load_json("translations", "en.json")


def services() -> dict[str, dict[str, Any]]:
    """Return the actions as services.yaml describes them."""
    content = (INTEGRATION / "services.yaml").read_text(encoding="utf-8")
    loaded: dict[str, dict[str, Any]] = yaml.safe_load(content)
    return loaded


def flows() -> list[Module]:
    """Return the modules that hold the steps of flows."""
    return [
        module
        for module in integration_modules()
        if "flow" in module.place or module.place == "repairs.py"
    ]


def flow_branches() -> list[dict[str, Any]]:
    """Return the texts of every flow: set-up, options and repairs."""
    texts = english()
    fixes = [issue.get("fix_flow", {}) for issue in texts.get("issues", {}).values()]
    return [texts["config"], texts.get("options", {}), *fixes]


def flow_texts(branch: str) -> set[str]:
    """Return the keys below a branch of any flow."""
    return {key for flow in flow_branches() for key in flow.get(branch, {})}


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the texts of every step of every flow."""
    for flow in flow_branches():
        yield from flow.get("step", {}).items()


def fields_of(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an action, those in sections too."""
    found: dict[str, Any] = {}
    for name, content in (described.get("fields") or {}).items():
        if "fields" in (content or {}):
            found |= fields_of(content)
        else:
            found[name] = content or {}
    return found


def test_there_is_no_branch_that_nothing_reads() -> None:
    assert set(english()) <= TOP_LEVEL


def test_exceptions_have_their_sentence() -> None:
    texts = english()["exceptions"]
    used = usage(integration_modules(), exception_keys)
    assert used.certain
    assert used.missing(texts) == []
    assert used.unused(texts) == []
    assert all(set(text) == {"message"} for text in texts.values())


def test_issues_have_their_texts() -> None:
    texts = english()["issues"]
    used = usage(integration_modules(), issue_keys)
    assert used.certain
    assert used.missing(texts) == []
    assert used.unused(texts) == []
    for text in texts.values():
        assert set(text) in ({"title", "description"}, {"title", "fix_flow"})


def test_placeholders_are_filled() -> None:
    texts = english()
    unfilled = [
        f"{kind}.{key}: {name}"
        for module in integration_modules()
        for kind, key, given in given_placeholders(module)
        for _, text in leaves(texts.get(kind, {}).get(key, {}))
        for name in placeholders(text)
        if name not in given
    ]
    assert unfilled == []


def test_steps_of_flows_have_their_texts() -> None:
    used = usage(flows(), step_keys)
    assert used.certain
    assert used.missing(flow_texts("step")) == []
    handled = {
        name.removeprefix("async_step_")
        for module in flows()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.AsyncFunctionDef)
        and (name := node.name).startswith("async_step_")
    }
    assert sorted(flow_texts("step") - handled - set(used.certain)) == []


def test_errors_of_flows_have_their_sentence() -> None:
    used = usage(flows(), error_keys)
    assert used.missing(flow_texts("error")) == []
    assert used.unused(flow_texts("error")) == []


def test_aborts_of_flows_have_their_sentence() -> None:
    used = usage(flows(), abort_keys)
    texts = flow_texts("abort")
    assert sorted(set(used.missing(texts)) - OF_CORE) == []
    assert sorted(set(used.unused(texts)) - OF_HELPERS) == []
    assert sorted(texts & OF_CORE) == []
    assert texts >= OF_HELPERS


def test_fields_of_flows_have_their_texts() -> None:
    used = usage(flows(), schema_fields)
    named = {key for _, step in steps() for key in _labels(step, "data")}
    sections = {key for _, step in steps() for key in step.get("sections", {})}
    assert used.missing(named | sections) == []
    assert used.unused(named) == []
    for name, step in steps():
        assert _labels(step, "data") == _labels(step, "data_description"), name


def _labels(step: Mapping[str, Any], kind: str) -> set[str]:
    parts = [step, *step.get("sections", {}).values()]
    return {key for part in parts for key in part.get(kind, {})}


def test_entities_have_their_texts() -> None:
    texts = english()["entity"]
    rows = descriptions()
    assert rows
    unnamed = [
        f"{platform}.{key}"
        for (platform, key), row in rows.items()
        if "name" not in texts.get(platform, {}).get(key, {})
        and not row.device_class
        and row.name is not None
    ]
    assert unnamed == []
    offered = {(platform, key) for platform, keys in texts.items() for key in keys}
    assert sorted(offered - set(rows)) == []
    assert set(texts) <= set(Platform)


def test_choices_of_entities_have_their_texts() -> None:
    texts = english()["entity"]
    wrong = []
    for (platform, key), row in descriptions().items():
        states = set(texts.get(platform, {}).get(key, {}).get("state", {}))
        options = {str(option) for option in getattr(row, "options", None) or ()}
        if platform in ("select", "sensor") and states != options:
            wrong.append(f"{platform}.{key}: {sorted(states ^ options)}")
    assert wrong == []


def test_actions_have_their_texts() -> None:
    described, texts = services(), english()["services"]
    assert set(described) == set(texts)
    for name, service in described.items():
        assert {"name", "description"} <= set(texts[name]), name
        labels = texts[name].get("fields", {})
        assert set(fields_of(service)) == set(labels), name
        for label in labels.values():
            assert set(label) == {"name", "description"}, name
        sections = {
            key
            for key, content in (service.get("fields") or {}).items()
            if "fields" in (content or {})
        }
        assert sections == set(texts[name].get("sections", {})), name


def test_actions_are_the_ones_of_the_code() -> None:
    mentioned = {
        text for module in integration_modules() for text in strings(module.tree)
    }
    described = services()
    fields = {key for service in described.values() for key in fields_of(service)}
    known = mentioned | {"device_id", "entity_id", "config_entry_id"}
    assert sorted(set(described) - mentioned) == []
    assert sorted(fields - known) == []


def test_choices_have_their_texts() -> None:
    wanted: dict[str, set[str]] = {}
    for module in integration_modules():
        for key, options in selector_options(module):
            wanted.setdefault(key, set()).update(options)
    for service in services().values():
        for content in fields_of(service).values():
            select = (content.get("selector") or {}).get("select") or {}
            if "translation_key" in select:
                options = wanted.setdefault(select["translation_key"], set())
                options.update(map(str, select["options"]))
    offered = {
        key: set(text["options"]) for key, text in english().get("selector", {}).items()
    }
    assert offered == wanted


def test_system_health_has_its_texts() -> None:
    texts = english()["system_health"]["info"]
    module = next(m for m in integration_modules() if m.place == "system_health.py")
    assert sorted(set(texts) - strings(module.tree)) == []


# --- the checks themselves ---------------------------------------------------


def sample(source: str) -> Module:
    """Return a module of the integration that says just this."""
    namespace = ModuleType(f"{PACKAGE}.sample")
    exec(compile(source, "sample", "exec"), vars(namespace))  # noqa: S102 - our own text
    for value in vars(namespace).values():
        if isinstance(value, type):
            value.__module__ = namespace.__name__
    return Module(
        path=INTEGRATION / "sample.py", tree=ast.parse(source), namespace=namespace
    )


NAMES = """
from enum import StrEnum
KEY = "constant"
TABLE = {1: "one", 2: KEY}
class Reason(StrEnum):
    LOCKED = "locked"
    OWN = "own"
class Refusal:
    reason: Reason
class Failure(Exception):
    key = "failure"
def f(refusal, err, key):
    pass
"""


@pytest.mark.parametrize(
    ("key", "keys"),
    [
        ('"literal"', {"literal"}),
        ("KEY", {"constant"}),
        ("Reason.OWN", {"own"}),
        ('"a" if key else KEY', {"a", "constant"}),
        ("TABLE[key]", {"one", "constant"}),
        ("refusal.reason", {"locked", "own"}),
        ("err.key", {"failure"}),
    ],
)
def test_a_key_is_followed(key: str, keys: set[str]) -> None:
    line = f"    raise Failure(translation_domain=KEY, translation_key={key})\n"
    used = usage([sample(NAMES + line)], exception_keys)
    assert set(used.certain) == keys
    assert [text.split()[0] for text in used.missing([])] == sorted(keys)
    assert used.unused([*keys, "left_over"]) == ["left_over"]


def test_a_key_of_run_time_may_be_any_string_of_its_module() -> None:
    line = "    raise Failure(translation_domain=KEY, translation_key=key)\n"
    used = usage([sample(NAMES + line)], exception_keys)
    assert used.certain == {}
    assert used.unused(["locked", "left_over"]) == ["left_over"]


def test_the_parts_of_a_flow_are_found() -> None:
    module = sample(
        NAMES
        + """
    errors = {"base": "cannot_connect"}
    errors["host"] = Reason.OWN
    self.async_abort(reason="not_found")
    self.async_show_form(step_id="user", errors={"base": KEY})
    vol.Schema({vol.Required(KEY): str, vol.Optional("port", default=1): int})
"""
    )
    assert set(usage([module], error_keys).certain) == {
        "cannot_connect",
        "constant",
        "own",
    }
    assert set(usage([module], abort_keys).certain) == {"not_found"}
    assert set(usage([module], step_keys).certain) == {"user"}
    assert set(usage([module], schema_fields).certain) == {"constant", "port"}


def test_the_choices_of_a_selector_are_found() -> None:
    module = sample(
        NAMES
        + """
    SelectSelectorConfig(options=["a", KEY], translation_key="one")
    SelectSelectorConfig(options=list(Reason), translation_key="two")
    SelectSelectorConfig(options=[r.value for r in Reason], translation_key="three")
"""
    )
    assert dict(selector_options(module)) == {
        "one": {"a", "constant"},
        "two": {"locked", "own"},
        "three": {"locked", "own"},
    }


def test_given_placeholders_are_found() -> None:
    module = sample(
        NAMES
        + """
    raise Failure(
        translation_domain=KEY, translation_key="a", translation_placeholders={KEY: 1}
    )
    async_create_issue(1, translation_domain=KEY, translation_key="b")
"""
    )
    assert sorted(given_placeholders(module)) == [
        ("exceptions", "a", {"constant"}),
        ("issues", "b", set()),
    ]
