"""The error that means: what the user gave us is wrong, and here is what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

ItemT = TypeVar("ItemT")


class InputError(ValueError):
    """Bad input: a file, an option or a field that the user can put right.

    The message is one sentence that names the file, the field and the remedy. Commands print it and
    exit with code 2 (see `data.command.run_command`); constructors of types, which know no file,
    raise a plain `ValueError` naming the field, and readers turn that into an `InputError`.
    """


class InputErrors(InputError):
    """Several of them, of which commands print each on a line of its own.

    Args:
        errors: in the order in which they are told.
    """

    def __init__(self, errors: Iterable[InputError]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(map(str, self.errors)))


def check_each(items: Iterable[ItemT], check: Callable[[ItemT], object]) -> None:
    """Checks all items, so that whoever puts one right knows of the others.

    Args:
        items: such as the videos that were named.
        check: raises `InputError` where something is wrong with an item.

    Raises:
        InputError: something is wrong with an item; with several, it is an `InputErrors`.
    """
    errors = []
    for item in items:
        try:
            check(item)
        except InputError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise InputErrors(errors)


@contextmanager
def published_layout(path: Path, layout: str) -> Iterator[None]:
    """Turns what goes wrong while a published annotation is read into an `InputError`.

    Args:
        path: the file or folder that is read.
        layout: what it should be, such as "the annotation of J-HMDB".

    Raises:
        InputError: the block raised one, or an error that means an unexpected content.
    """
    try:
        yield
    except InputError:
        raise
    except KeyError as error:
        raise InputError(
            f"{path}: the entry {error} is missing; take the file as published"
        ) from error
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(f"{path}: not {layout} ({error}); take the file as published") from error
