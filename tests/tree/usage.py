"""Which translation keys the code of the integration uses, and how.

A key is followed through literals, module constants, enumerations, and fields of
our own classes whose type is an enumeration (`refusal.reason`). What is only known
at run time makes every string of its module count as used.
"""

from annotationlib import Format
import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
import inspect
from typing import Any

from .tree import PACKAGE, Module, calls, resolve, strings


@dataclass(slots=True, kw_only=True)
class Usage:
    """The keys of one category.

    certain: where each key is used for sure.
    possible: what might be used, from modules with a key that nobody can foresee.
    """

    certain: dict[str, str] = field(default_factory=dict)
    possible: set[str] = field(default_factory=set)

    def missing(self, offered: Iterable[str]) -> list[str]:
        """Return the used keys that the translations do not offer."""
        known = set(offered)
        return sorted(
            f"{key} ({place})"
            for key, place in self.certain.items()
            if key not in known
        )

    def unused(self, offered: Iterable[str]) -> list[str]:
        """Return the offered keys that nothing uses."""
        return sorted(set(offered) - set(self.certain) - self.possible)


type Finder = Callable[[Module], Iterator[ast.expr]]


def usage(modules: Iterable[Module], finder: Finder) -> Usage:
    """Return the keys that the expressions of a finder stand for."""
    modules = list(modules)
    result = Usage()
    for module in modules:
        for expression in finder(module):
            names = vars(module.namespace)
            keys = resolve(expression, names) or field_values(expression, modules)
            if not keys:
                result.possible |= strings(module.tree)
            for key in keys:
                result.certain[key] = f"{module.place}:{expression.lineno}"
    return result


def classes(modules: Iterable[Module]) -> set[type]:
    """Return the classes that the modules define."""
    return {
        value
        for module in modules
        for value in vars(module.namespace).values()
        if inspect.isclass(value) and value.__module__.startswith(PACKAGE)
    }


def field_values(expression: ast.expr, modules: Iterable[Module]) -> set[str]:
    """Return what an attribute may hold, by the classes of ours that have it."""
    if not isinstance(expression, ast.Attribute):
        return set()
    found: set[str] = set()
    for owner in classes(modules):
        if isinstance(value := vars(owner).get(expression.attr), str):
            found.add(str(value))
        if not issubclass(owner, Enum):
            found |= _members(owner, expression.attr)
    return found


def _members(owner: type, name: str) -> set[str]:
    annotation = inspect.get_annotations(owner, format=Format.FORWARDREF).get(name)
    if inspect.isclass(annotation) and issubclass(annotation, Enum):
        return {str(member.value) for member in annotation}
    return set()


def exception_keys(module: Module) -> Iterator[ast.expr]:
    """Find the keys of translated exceptions."""
    for name, _, words in calls(module.tree):
        if "translation_domain" in words and name != "async_create_issue":
            yield from _values(words, "translation_key")


def issue_keys(module: Module) -> Iterator[ast.expr]:
    """Find the keys of repair issues."""
    for name, _, words in calls(module.tree):
        if name == "async_create_issue":
            yield from _values(words, "translation_key")


def step_keys(module: Module) -> Iterator[ast.expr]:
    """Find the steps that a flow shows."""
    for name, _, words in calls(module.tree):
        if name in ("async_show_form", "async_show_menu", "async_show_progress"):
            yield from _values(words, "step_id")


def abort_keys(module: Module) -> Iterator[ast.expr]:
    """Find the reasons with which a flow ends."""
    for name, call, words in calls(module.tree):
        if name in ("async_abort", "AbortFlow"):
            yield from _values(words, "reason")
            yield from call.args[:1]


def error_keys(module: Module) -> Iterator[ast.expr]:
    """Find the errors that a form shows: what is put into `errors`, and tables."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Assign(targets=[ast.Subscript(value=target)], value=value):
                if _is_errors(target):
                    yield value
            case ast.AnnAssign(
                annotation=annotation, value=ast.Dict(values=values)
            ) if "Sentences" in ast.unparse(annotation):
                yield from values
            case (
                ast.Assign(targets=[target], value=ast.Dict(values=values))
                | ast.AnnAssign(target=target, value=ast.Dict(values=values))
            ):
                if _is_errors(target):
                    yield from values
            case ast.keyword(arg="errors", value=ast.Dict(values=values)):
                yield from values


def selector_options(module: Module) -> Iterator[tuple[str, set[str]]]:
    """Yield the translated choices of the code: their key and the options."""
    names = vars(module.namespace)
    for name, _, words in calls(module.tree):
        if name == "SelectSelectorConfig" and "translation_key" in words:
            for key in resolve(words["translation_key"], names):
                yield key, _options(words.get("options"), names)


def _options(expression: ast.expr | None, names: Mapping[str, Any]) -> set[str]:
    if isinstance(expression, ast.List | ast.Tuple):
        items = [_first_argument(item) for item in expression.elts]
        return {text for item in items for text in resolve(item, names)}
    if isinstance(expression, ast.Call) and expression.args:
        return _options(expression.args[0], names)
    if isinstance(expression, ast.ListComp):
        return _options(expression.generators[0].iter, names)
    if isinstance(expression, ast.Name):
        value = names.get(expression.id, ())
        return {str(getattr(item, "value", item)) for item in value}
    return set()


def _first_argument(item: ast.expr) -> ast.expr:
    """Return what an option is made from, when it is made by a call."""
    return item.args[0] if isinstance(item, ast.Call) and item.args else item


def schema_fields(module: Module) -> Iterator[ast.expr]:
    """Find the fields of forms and actions."""
    for name, call, _ in calls(module.tree):
        if name in ("Required", "Optional"):
            yield from call.args[:1]


def given_placeholders(module: Module) -> Iterator[tuple[str, str, set[str]]]:
    """Yield what literal calls give to a text: kind, key and placeholder names."""
    for name, _, words in calls(module.tree):
        values = words.get("translation_placeholders")
        if "translation_key" not in words or "translation_domain" not in words:
            continue
        if values is not None and not isinstance(values, ast.Dict):
            continue
        names = vars(module.namespace)
        keys = values.keys if isinstance(values, ast.Dict) else []
        if None in keys:
            continue
        given = {text for key in keys if key for text in resolve(key, names)}
        kind = "issues" if name == "async_create_issue" else "exceptions"
        for key in resolve(words["translation_key"], names):
            yield kind, key, given


def _values(words: Mapping[str, ast.expr], name: str) -> Iterator[ast.expr]:
    if name in words:
        yield words[name]


def _is_errors(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name in ("errors", "_errors")
