"""The error that means: what the user gave us is wrong, and here is what to do about it."""

from __future__ import annotations


class InputError(ValueError):
    """Bad input: a file, an option or a field that the user can put right.

    The message is one sentence that names the file, the field and the remedy. Commands print it and
    exit with code 2 (see `data.command.run_command`); constructors of types, which know no file,
    raise a plain `ValueError` naming the field, and readers turn that into an `InputError`.
    """
