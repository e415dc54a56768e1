"""Command-line options made from the fields of a settings dataclass."""

import argparse
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, TypeVar

from data import InputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SettingsT = TypeVar("SettingsT", bound="DataclassInstance")


def settings_options(
    parser: argparse.ArgumentParser, defaults: "DataclassInstance", texts: Mapping[str, str]
) -> None:
    """Adds options for fields of a settings dataclass.

    Args:
        parser: Where the options go.
        defaults: Settings whose values are the defaults; each is an int, a float, or a word with
            its `choices` in the metadata of the field.
        texts: Help text of each field that becomes an option.
    """
    group = parser.add_argument_group("settings")
    for field in fields(defaults):
        if field.name not in texts:
            continue
        value = getattr(defaults, field.name)
        choices = field.metadata.get("choices")
        group.add_argument(
            f"--{field.name}",
            type=type(value),
            default=value,
            choices=choices,
            metavar=None if choices else "N" if isinstance(value, int) else "X",
            help=f"{texts[field.name]} (default: {value})",
        )


def read_settings(args: argparse.Namespace, kind: type[SettingsT]) -> SettingsT:
    """Makes settings from the options that `settings_options` added.

    Raises:
        InputError: A value is out of its range.
    """
    try:
        names = [field.name for field in fields(kind) if hasattr(args, field.name)]
        return kind(**{name: getattr(args, name) for name in names})
    except ValueError as error:
        raise InputError(f"{error}; give another --{str(error).split()[0]}") from None
