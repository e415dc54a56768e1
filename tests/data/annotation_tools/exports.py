"""Exports as annotation tools write them, made up byte for byte."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# CVAT 2: what it writes about a label with an attribute to choose a value of.
_LABEL = """        <label>
          <name>{name}</name>
          <color>#fa3253</color>
          <type>any</type>
          <attributes>
{attributes}          </attributes>
        </label>
"""
_ATTRIBUTE = """            <attribute>
              <name>{name}</name>
              <mutable>True</mutable>
              <input_type>select</input_type>
              <default_value>{default}</default_value>
              <values>{values}</values>
            </attribute>
"""
_TASK = """    <{kind}>
      <id>{id}</id>
      <name>{name}</name>
      <size>{size}</size>
      <mode>interpolation</mode>
      <overlap>5</overlap>
      <bugtracker></bugtracker>
      <created>2024-03-05 09:12:44.123456+00:00</created>
      <updated>2024-03-05 10:02:01.654321+00:00</updated>
      <subset>{subset}</subset>
      <start_frame>{first}</start_frame>
      <stop_frame>{last}</stop_frame>
      <frame_filter>{frame_filter}</frame_filter>
      <segments>
        <segment>
          <id>{id}</id>
          <start>0</start>
          <stop>{stop}</stop>
          <url>http://localhost:8080/api/jobs/{id}</url>
        </segment>
      </segments>
      <owner>
        <username>admin</username>
        <email>admin@localhost.company</email>
      </owner>
      <assignee></assignee>
      <labels>
{labels}      </labels>
{video}    </{kind}>
"""
_VIDEO = """      <original_size>
        <width>{width}</width>
        <height>{height}</height>
      </original_size>
      <source>{source}</source>
"""


def cvat_task(
    labels: Mapping[str, Mapping[str, Sequence[str]]],
    *,
    id: int = 7,
    name: str = "my task",
    source: str | None = "clip.mp4",
    size: int = 30,
    first: int = 0,
    step: int = 1,
    width: int = 64,
    height: int = 48,
    subset: str = "default",
    kind: str = "task",
) -> str:
    """The `<task>` or `<job>` of `<meta>`.

    Args:
        labels: attributes of each label with their values.
        id: of the task.
        name: of the task.
        source: the video file; None for a task made of images.
        size: number of frames in the task.
        first: its first frame in the video.
        step: from one frame to the next.
        width: of the frame.
        height: of the frame.
        subset: of the task.
        kind: task or job.
    """
    listed = ""
    for label, attributes in labels.items():
        written = "".join(
            _ATTRIBUTE.format(name=attribute, default=values[0], values="\n".join(values))
            for attribute, values in attributes.items()
        )
        listed += _LABEL.format(name=label, attributes=written)
    video = "" if source is None else _VIDEO.format(width=width, height=height, source=source)
    return _TASK.format(
        kind=kind,
        id=id,
        name=name,
        size=size,
        subset=subset,
        first=first,
        last=first + (size - 1) * step,
        frame_filter="" if step == 1 else f"step={step}",
        stop=size - 1,
        labels=listed,
        video=video,
    )


def cvat_box(
    frame: int,
    corners: Sequence[float],
    *,
    outside: bool = False,
    keyframe: bool = True,
    attributes: Mapping[str, str] | None = None,
    rotation: float = 0,
) -> str:
    """One `<box>` of a track."""
    x1, y1, x2, y2 = corners
    turned = f' rotation="{rotation:.2f}"' if rotation else ""
    inner = "".join(
        f'      <attribute name="{name}">{value}</attribute>\n'
        for name, value in (attributes or {}).items()
    )
    return (
        f'    <box frame="{frame}" keyframe="{keyframe:d}" outside="{outside:d}" occluded="0" '
        f'xtl="{x1:.2f}" ytl="{y1:.2f}" xbr="{x2:.2f}" ybr="{y2:.2f}"{turned} z_order="0">\n'
        f"{inner}    </box>\n"
    )


def cvat_track(id: int, label: str, boxes: Sequence[str], task: int | None = None) -> str:
    """A `<track>`, as in the export of a task or, with the number of a task, of a project."""
    of_task = "" if task is None else f' task_id="{task}" subset="default"'
    content = "".join(boxes)
    return f'  <track id="{id}" label="{label}" source="manual"{of_task}>\n{content}  </track>\n'


def cvat_xml(tasks: Sequence[str], tracks: Sequence[str], *, project: bool = False) -> str:
    """The whole file."""
    meta = "".join(tasks)
    if project:
        meta = (
            "    <project>\n      <id>3</id>\n      <name>my project</name>\n"
            f"      <tasks>\n{meta}      </tasks>\n    </project>\n"
        )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n'
        f"  <meta>\n{meta}    <dumped>2024-03-05 10:03:12.000000+00:00</dumped>\n  </meta>\n"
        f"{''.join(tracks)}</annotations>\n"
    )


def via_metadata(
    images: Mapping[str, Sequence[tuple[Sequence[float], Mapping[str, Any]]]],
    file_attributes: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The images of VIA 2 with rectangles (x, y, width, height) and their attributes."""
    return {
        f"{name}{12000 + place}": {
            "filename": name,
            "size": 12000 + place,
            "regions": [
                {
                    "shape_attributes": dict(
                        zip(("name", "x", "y", "width", "height"), ("rect", *box), strict=True)
                    ),
                    "region_attributes": dict(attributes),
                }
                for box, attributes in regions
            ],
            "file_attributes": dict(file_attributes or {}),
        }
        for place, (name, regions) in enumerate(images.items())
    }


def via_project(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A project file of VIA 2."""
    return {
        "_via_settings": {
            "ui": {"annotation_editor_height": 25, "image": {"region_label": "__via_region_id__"}},
            "core": {"buffer_size": 18, "filepath": {}, "default_filepath": ""},
            "project": {"name": "via_project_5Mar2024_10h3m"},
        },
        "_via_img_metadata": dict(metadata),
        "_via_attributes": {
            "region": {"action": {"type": "text", "description": "", "default_value": ""}},
            "file": {},
        },
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": list(metadata),
    }


def via_video_project(
    metadata: Sequence[tuple[Sequence[float], Sequence[float], Mapping[str, str]]],
    attributes: Mapping[str, tuple[str, str, Mapping[str, str]]],
    file: str = "clip.mp4",
) -> dict[str, Any]:
    """A project of VIA 3.

    Args:
        metadata: times, shape and values by number of the attribute.
        attributes: by number name, anchor and options.
        file: name of the video.
    """
    return {
        "project": {
            "pid": "__VIA_PROJECT_ID__",
            "rev": "__VIA_PROJECT_REV_ID__",
            "rev_timestamp": "__VIA_PROJECT_REV_TIMESTAMP__",
            "pname": "Unnamed VIA Project",
            "creator": "VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)",
            "created": 1709632992000,
            "vid_list": ["1"],
        },
        "config": {"file": {"loc_prefix": {"1": "", "2": "", "3": "", "4": ""}}},
        "attribute": {
            key: {
                "aname": name,
                "anchor_id": anchor,
                "type": 4 if options else 1,
                "desc": "",
                "options": dict(options),
                "default_option_id": "",
            }
            for key, (name, anchor, options) in attributes.items()
        },
        "file": {"1": {"fid": "1", "fname": file, "type": 4, "loc": 1, "src": ""}},
        "metadata": {
            f"1_{place:08d}": {
                "vid": "1",
                "flg": 0,
                "z": list(times),
                "xy": list(shape),
                "av": dict(values),
            }
            for place, (times, shape, values) in enumerate(metadata)
        },
        "view": {"1": {"fid_list": ["1"]}},
    }


def coco_export(
    images: Sequence[dict[str, Any]], annotations: Sequence[dict[str, Any]], **more: Any
):
    named = [{"id": place, **entry} for place, entry in enumerate(annotations, 1)]
    return {
        "info": {"description": ""},
        "licenses": [],
        "categories": [{"id": 1, "name": "walk"}, {"id": 2, "name": "unused"}],
        "images": list(images),
        "annotations": named,
        **more,
    }


# Those of the made-up projects of VIA 3.
VIA_ATTRIBUTES = {
    "1": ("action", "FILE1_Z2_XY0", {"0": "walk", "1": "wave"}),
    "2": ("action", "FILE1_Z1_XY1", {"0": "walk", "1": "wave"}),
    "3": ("track", "FILE1_Z1_XY1", {}),
}
