"""Reads JSON files and says for every problem found in them in which line it is."""

from __future__ import annotations

import json
import os
import re
import reprlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from data.errors import InputError
from data.files import read_file
from data.validation import mapping

FieldPath = tuple[str | int, ...]
"""Where a value stands: the keys and positions that lead to it from the root."""

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


class JsonDocument:
    """A JSON file in memory, with the problems that were found in it.

    Problems are collected, not raised, so that a user learns of all of them at once.

    Attributes:
        path: as the user wrote it.
        value: the content.

    Raises:
        InputError: the file cannot be read or is not JSON.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path
        self._has_repeated_keys = False
        self._problems: list[tuple[FieldPath, str]] = []
        try:
            # Editors of some systems write a byte order mark, which utf-8-sig skips.
            self._text = read_file(path).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise InputError(
                f"{path}:{line}: is not UTF-8 text, as JSON is; save it as UTF-8, or name another "
                "file if it is no text"
            ) from None
        try:
            self.value = json.loads(self._text, object_pairs_hook=self._make_object)
        except json.JSONDecodeError as error:
            raise InputError(
                f"{path}:{error.lineno}: is not valid JSON ({error.msg.removesuffix(' at')} at "
                f"column {error.colno}); correct the syntax there, or write the file again if it "
                "is cut off"
            ) from None
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{path}: is not usable JSON ({error}); write shorter numbers and flatter lists"
            ) from None

    def _make_object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        self._has_repeated_keys |= len(result) < len(pairs)
        return result

    def problem(self, path: FieldPath, message: str) -> None:
        """Notes a problem of the value at `path`; the message is a sentence about the field."""
        self._problems.append((path, message))

    @property
    def problem_count(self) -> int:
        """Number of problems noted so far."""
        return len(self._problems)

    def fields(
        self,
        parent: Mapping[str, Any],
        path: FieldPath,
        checks: Mapping[str, Callable[[Any, str], Any]],
    ) -> dict[str, Any]:
        """Checks fields of the object at `path` and notes what is missing or wrong.

        Args:
            parent: the object.
            path: where it stands.
            checks: for each field a function that takes the value and the name of the field and
                returns the value, or raises `ValueError`.

        Returns:
            The fields that are right.
        """
        found = {}
        for name, check in checks.items():
            if name not in parent:
                self.problem(path, f"{field_name(path)} lacks the field {name!r}; add it")
                continue
            try:
                found[name] = check(parent[name], field_name((*path, name)))
            except ValueError as error:
                self.problem((*path, name), f"{error}; correct it")
        return found

    def object(self, value: Any, path: FieldPath) -> dict[str, Any] | None:
        """Returns `value` if it is an object, or None with a problem noted."""
        try:
            return mapping(value, field_name(path))
        except ValueError as error:
            self.problem(path, f"{error}; correct it")
            return None

    def root(self, kind: str, version: int) -> dict[str, Any]:
        """Returns the outermost object if its format and version are the given ones.

        Raises:
            InputError: they are others, so that nothing else in the file can be judged.
        """
        root = self.value if isinstance(self.value, dict) else {}
        for name, wanted in (("format", kind), ("version", version)):
            value = root.get(name)
            if value != wanted or isinstance(value, bool):
                self.problem(
                    (name,) if name in root else (),
                    f"{name} must be {json.dumps(wanted)}, not {reprlib.repr(value)}; name another "
                    "file, or write it as docs/formats.md describes",
                )
                raise InputError(self.problems()[0])
        return root

    def problems(self) -> list[str]:
        """Returns a sentence for every problem, with file and line, in the order of the lines."""
        if not self._problems and not self._has_repeated_keys:
            return []
        lines: dict[FieldPath, int] = {}
        repeated: set[FieldPath] = set()
        found = []
        for path, line in self._locate():
            # What a repeated object holds is there twice as well, but that is no news.
            if path in lines and not any(path[:depth] in repeated for depth in range(len(path))):
                repeated.add(path)
                found.append((line, f"{field_name(path)} is there twice; remove or rename one"))
            lines[path] = line
        found += [(lines[path], message) for path, message in self._problems]
        found.sort(key=lambda item: item[0])
        return [f"{self.path}:{line}: {message}" for line, message in found]

    def raise_problems(self) -> None:
        """Raises the first problem, if there is one.

        Raises:
            InputError: it names the first problem, and says how many others there are and how to
                see them.
        """
        problems = self.problems()
        if len(problems) > 1:
            raise InputError(
                f"{problems[0]} (and {len(problems) - 1} more: "
                f"`python data/check.py {self.path}` names them all)"
            )
        if problems:
            raise InputError(problems[0])

    def _locate(self) -> Iterator[tuple[FieldPath, int]]:
        """Yields path and line of every value of the text, which is known to be valid JSON."""
        starts = [0, *(match.end() for match in re.finditer("\n", self._text))]
        path: list[str | int] = []
        in_object: list[bool] = []
        key_next = False
        for match in TOKEN.finditer(self._text):
            token = match.group()
            if token in "}]":
                in_object.pop()
                path.pop()
            elif token == ",":
                key_next = in_object[-1]
                if not key_next:
                    path[-1] += 1  # type: ignore[operator]
            elif token == ":":
                key_next = False
            elif key_next:
                path[-1] = json.loads(token)
            else:
                yield tuple(path), bisect_right(starts, match.start())
                if token in "{[":
                    in_object.append(token == "{")
                    path.append(0)
                    key_next = token == "{"


def field_name(path: FieldPath) -> str:
    """Writes a path as JavaScript would: `videos["a clip"].tubes[0].label`."""
    name = ""
    for part in path:
        if isinstance(part, str) and part.isidentifier():
            name += f".{part}" if name else part
        else:
            name += f"[{json.dumps(part)}]"
    return name or "the file"
