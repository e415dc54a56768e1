"""Importers of what annotation tools write: CVAT, VIA, COCO, AVA."""

from data.annotation_tools.drawn_boxes import DrawnBox, DrawnTube, inside_frame, link_boxes
from data.annotation_tools.export import Choices, Export, ExportedVideo
from data.annotation_tools.export_reader import TOOLS, read_export
from data.annotation_tools.video_folder import FoundVideo, VideoFolder

__all__ = [
    "TOOLS",
    "Choices",
    "DrawnBox",
    "DrawnTube",
    "Export",
    "ExportedVideo",
    "FoundVideo",
    "VideoFolder",
    "inside_frame",
    "link_boxes",
    "read_export",
]
