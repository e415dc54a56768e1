"""Writes the figures of an evaluation: JSON and CSV for other programs, a page for people."""

import argparse
import csv
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data import atomic_write
from data.json_writer import write_json


def report_options(parser: argparse.ArgumentParser) -> None:
    """Adds --json, --csv and --html."""
    group = parser.add_argument_group("reports")
    group.add_argument("--json", type=Path, metavar="FILE", help="write all figures as JSON")
    group.add_argument("--csv", type=Path, metavar="FILE", help="write a table of them as CSV")
    group.add_argument(
        "--html", type=Path, metavar="FILE", help="write a page with drawings, all in one file"
    )


def write_reports(
    args: argparse.Namespace,
    figures: Mapping[str, Any],
    table: Sequence[Sequence[object]],
    page: Callable[[], str],
) -> None:
    """Writes the files that were asked for, each as a whole or not at all.

    Args:
        args: With the options of `report_options`.
        figures: By name; arrays become lists, and what is no finite number null.
        table: Rows for the CSV file, the first of which names the columns.
        page: Returns the page.

    Raises:
        InputError: A file cannot be written.
    """
    if args.json:
        write_json(args.json, _plain(figures))
    if args.csv:
        with atomic_write(args.csv, "w") as file:
            csv.writer(file, lineterminator="\n").writerows(table)
    if args.html:
        with atomic_write(args.html, "w") as file:
            file.write(page())


def _plain(value: Any) -> Any:
    """Turns figures into what JSON knows."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
