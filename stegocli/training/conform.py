"""Values out of a file that may come from anyone, held against type hints before anything believes them."""

import math
from contextlib import suppress
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

# More than any count in a run, and small enough for every library.
LARGEST = 2**63 - 1


def conform(value: Any, hint: Any) -> Any:
    """The value as its hint has it: dicts become dataclasses and strings paths; all else is returned as it is.

    Args:
        hint: a dataclass (one with `from_json` is made by that), a TypedDict, `list`, `dict` or a union of hints,
            `Path`, any other class, or Any. An int will do for a float; a bool is no number, and floats are finite.

    Raises:
        ValueError: when the value is of another kind, with what it should be.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, UnionType):
        for option in arguments:
            with suppress(ValueError):
                return conform(value, option)
        raise ValueError(f"{_shown(value)} is not {hint}")
    if origin is list and isinstance(value, list):
        return [conform(item, arguments[0]) for item in value]
    if origin is dict and isinstance(value, dict):
        return {conform(name, arguments[0]): conform(item, arguments[1]) for name, item in value.items()}
    if is_typeddict(hint):
        return _members(value, get_type_hints(hint))
    if is_dataclass(hint):
        return hint.from_json(value) if hasattr(hint, "from_json") else build(hint, value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if origin is None and _is_a(value, hint):
        return value
    raise ValueError(f"{_shown(value)} is not {getattr(hint, '__name__', hint)}")


def build(kind: Any, saved: Any) -> Any:
    """A dataclass from a dict with all of its fields and no others; errors as for `conform`, and its own."""
    hints = get_type_hints(kind)
    return kind(**_members(saved, {field.name: hints[field.name] for field in fields(kind)}))


def _members(value: Any, hints: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(value, dict) or value.keys() != hints.keys():
        raise ValueError(f"{_shown(value)} does not have exactly {', '.join(hints)}")
    return {name: conform(value[name], hint) for name, hint in hints.items()}


def _is_a(value: Any, kind: Any) -> bool:
    if kind is float and type(value) in (int, float):
        return abs(value) <= LARGEST if type(value) is int else math.isfinite(value)
    if kind is int:
        return type(value) is int and abs(value) <= LARGEST
    return isinstance(value, type(None) if kind is None else kind)


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, (str, int, float, bool, type(None))) else type(value).__name__
    return text if len(text) <= 40 else f"{text[:40]}..."
