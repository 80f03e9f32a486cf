"""The languages say the same things, in the form that Home Assistant takes."""

from collections.abc import Iterator, Mapping
import re
from typing import Any

import pytest

from .tree import load_json

LANGUAGES = ("en", "de", "nb")
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
KEY = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*")

# What hassfest refuses in a text, by what it is.
ILL_FORMED = {
    "an address, which belongs into a placeholder": re.compile(
        r"https?://", re.IGNORECASE
    ),
    "HTML": re.compile(r"<\s*[a-z/!][^>]*>", re.IGNORECASE),
    "space at an end": re.compile(r"\A\s|\s\Z"),
    "a placeholder in single quotes": re.compile(r"'\{[^}]*\}'"),
    "a reference, which nobody resolves at run time": re.compile(r"\[%key:"),
    "nothing": re.compile(r"\A\Z"),
}


def leaves(branch: Mapping[str, Any], *, above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every text with its dotted key."""
    for key, value in branch.items():
        if isinstance(value, Mapping):
            yield from leaves(value, above=f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def placeholders(text: str) -> list[str]:
    """Return the placeholders of a text; a plain brace is not one of them."""
    return sorted(set(PLACEHOLDER.findall(text)))


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return the keys that only one language has or fills with other values."""
    left, right = dict(leaves(one)), dict(leaves(other))
    found = [f"{key} is in one only" for key in left.keys() ^ right.keys()]
    found += [
        f"{key} has other placeholders"
        for key in left.keys() & right.keys()
        if placeholders(left[key]) != placeholders(right[key])
    ]
    return sorted(found)


def ill_formed(language: Mapping[str, Any]) -> list[str]:
    """Return what a language says in a form that is refused."""
    found = [
        f"{key} holds {what}"
        for key, text in leaves(language)
        for what, pattern in ILL_FORMED.items()
        if pattern.search(text)
    ]
    found += [
        f"{key} is not spelled as a key"
        for key, _ in leaves(language)
        for part in key.split(".")
        if not KEY.fullmatch(part)
    ]
    return sorted(set(found))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_is_well_formed(language: str) -> None:
    assert ill_formed(load_json("translations", f"{language}.json")) == []


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_the_languages_agree(language: str) -> None:
    english = load_json("translations", "en.json")
    assert differences(english, load_json("translations", f"{language}.json")) == []


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_a_language_is_not_a_copy_of_english(language: str) -> None:
    english = dict(leaves(load_json("translations", "en.json")))
    other = dict(leaves(load_json("translations", f"{language}.json")))
    same = [key for key, text in english.items() if other.get(key) == text]
    assert len(same) < len(english) / 5


@pytest.mark.parametrize(
    "text",
    [
        "See https://example.com",
        "Press <b>now</b>",
        " padded",
        "The guest '{name}' is gone",
        "[%key:common::state::on%]",
        "",
    ],
)
def test_an_ill_formed_text_is_found(text: str) -> None:
    assert len(ill_formed({"title": text})) == 1


def test_an_ill_formed_key_is_found() -> None:
    assert ill_formed({"Title": "x", "a__b": "x", "a_b-c": "x"}) == [
        "Title is not spelled as a key",
        "a__b is not spelled as a key",
    ]


def test_a_difference_is_found() -> None:
    english = {"a": {"b": "{x} of {y}", "c": "text"}}
    other = {"a": {"b": "{x}", "d": "text"}}
    assert differences(english, other) == [
        "a.b has other placeholders",
        "a.c is in one only",
        "a.d is in one only",
    ]
