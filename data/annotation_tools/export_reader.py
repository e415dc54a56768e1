"""Which tool wrote a file, and reading it."""

from __future__ import annotations

from pathlib import Path

from data.annotation_tools import ava_csv, coco_json, cvat_xml, via_images, via_videos
from data.annotation_tools.export import Choices, Export
from data.annotation_tools.video_folder import VideoFolder
from data.errors import InputError
from data.files import open_file
from data.json_reader import JsonDocument

TOOLS = {
    "cvat": "'CVAT for video 1.1': XML, or the archive as downloaded",
    "via": "VGG Image Annotator: version 2 (JSON or csv) and projects of version 3",
    "coco": "COCO: JSON with the ids of videos or with images called after them",
    "ava": "AVA: csv of key frames",
}


def read_export(
    path: Path, videos: VideoFolder, choices: Choices, tool: str | None = None
) -> Export:
    """Reads what an annotation tool wrote.

    Args:
        path: the file.
        videos: where the videos are.
        choices: what the file leaves open.
        tool: one of `TOOLS`; None to tell it by the content.

    Raises:
        InputError: the file is of no known tool or damaged, or a video is missing.
    """
    with open_file(path) as file:
        start = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    export: Export | None = None
    if start in (b"{", b"["):
        document = JsonDocument(path)
        if tool in (None, "via") and via_videos.recognise(document):
            export = via_videos.read(document, videos, choices)
        elif tool in (None, "via") and via_images.recognise(document):
            export = via_images.read(document, videos, choices)
        elif tool in (None, "coco") and coco_json.recognise(document):
            export = coco_json.read(document, videos, choices)
    elif tool in (None, "cvat") and cvat_xml.recognise(path):
        export = cvat_xml.read(path, videos, choices)
    elif tool in (None, "via") and via_images.recognise_csv(path):
        export = via_images.read_csv(path, videos, choices)
    elif tool == "ava" or (tool is None and ava_csv.recognise(path)):
        export = ava_csv.read(path, videos, choices)
    if export is None:
        known = TOOLS[tool] if tool else "; ".join(TOOLS.values())
        what = f"is not an export of {known}" if start else "is empty"
        raise InputError(f"{path}: {what}; export it from the tool again")
    return export
