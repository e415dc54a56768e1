"""Checks that the videos an annotation names are what it says: readable, as long and as large."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any, NamedTuple

from data.command import progress
from data.errors import InputError
from data.json_reader import FieldPath, JsonDocument, field_name
from data.media_index import find_media
from data.video import open_video


class _Facts(NamedTuple):
    """What a video is."""

    frames: int
    width: int
    height: int


def note_video_problems(document: JsonDocument) -> None:
    """Notes in an annotation what is wrong with its videos; those that are not there are not.

    Every video is decoded from beginning to end, which takes as long as that.
    """
    root = document.value if isinstance(document.value, dict) else {}
    videos = root.get("videos")
    entries = videos.items() if isinstance(videos, dict) else ()
    folder = Path(document.path).parent
    found = find_media(folder, [name for name, _ in entries])
    # A file may be named by several videos, for different annotations of it.
    known: dict[Path, _Facts | str] = {}
    for name, entry in progress(list(entries), description="check", unit="video"):
        file = entry.get("file") if isinstance(entry, dict) else None
        path = folder / file if isinstance(file, str) and file else found.get(name)
        if not isinstance(entry, dict) or path is None or not os.path.exists(path):
            continue
        if path not in known:
            known[path] = _decode(path)
        _compare(document, ("videos", name), entry, known[path])


def _decode(path: Path) -> _Facts | str:
    """Returns what a video is, or the sentence that says why it cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            with open_video(path) as video:
                return _Facts(sum(1 for _ in video), video.width, video.height)
        except InputError as error:
            return str(error)
        except Warning as warning:
            return f"{warning}; make or download the file again"


def _compare(
    document: JsonDocument, path: FieldPath, entry: dict[str, Any], facts: _Facts | str
) -> None:
    if isinstance(facts, str):
        field = (*path, "file")
        document.problem(field, f"{field_name(field)}: {facts}")
        return
    for name, value in facts._asdict().items():
        if isinstance(entry.get(name), int) and entry[name] != value:
            field = (*path, name)
            document.problem(
                field,
                f"{field_name(field)} must be that of the video, {value}, not {entry[name]!r}; "
                "correct it, or name the video that was annotated",
            )


def unused_classes(root: dict[str, Any]) -> list[str]:
    """Returns a sentence for each class that no tube has, and that no training video has."""
    classes, videos, splits = (root.get(name) for name in ("classes", "videos", "splits"))
    if not isinstance(classes, list) or not isinstance(videos, dict):
        return []
    labels = {
        name: {
            tube.get("label")
            for tube in (entry.get("tubes") if isinstance(entry, dict) else None) or []
            if isinstance(tube, dict)
        }
        for name, entry in videos.items()
    }
    train = splits.get("train") if isinstance(splits, dict) else None
    notes = []
    for name in classes:
        users = [video for video in labels if name in labels[video]]
        if not users:
            notes.append(f"no tube has the class {name!r}; leave it out if none will")
        elif isinstance(train, list) and not set(users) & set(train):
            notes.append(f"no video of split 'train' has the class {name!r}, so it is not learned")
    return notes
