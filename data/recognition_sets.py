"""The data sets of action recognition as they are published: classes, lists, names of files.

After TSM's table of data sets (its ops/dataset_config.py), the lists of TSN and SeqVLAD, and the
folders of SRTG and MTNet.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from data.class_names import read_class_names
from data.errors import InputError
from data.frame_names import FrameNames
from data.video_list import FlowRule

LIST: Final = "{part}_videofolder.txt"
FLOW_LIST: Final = "{part}_videofolder_flow.txt"
CLASS_FILE: Final = "category.txt"


@dataclass(frozen=True)
class LabelFiles:
    """Where SRTG and MTNet have a data set; see `data.label_csv`.

    Attributes:
        csv: name of the list, with {part} and {split}, in the folder "labels".
        folder: of the videos, in the folder "data".
        time_slices: whether the videos are parts of others, and named after their times.
    """

    csv: str
    folder: str
    time_slices: bool = False

    def classes_root(self, root: str | Path) -> Path:
        """Returns the folder with the folders of the classes."""
        return Path(root) / "data" / self.folder / "jpg"


@dataclass(frozen=True)
class RecognitionSet:
    """A data set of videos with one class each.

    Attributes:
        title: for people.
        classes: number of classes; None where the file of class names, or a CSV list, tells.
        rgb_names: names of RGB frames; None: folders of any images, video files or databases.
        flow_names: names of flow images; None: as `rgb_names`, with x in red and y in green.
        lists: names of the lists of RGB, with {part} for train or val and {split} for the number
            of a split; the first that is there is taken.
        flow_lists: likewise of flow.
        flow_rule: see `data.video_list.read_video_list`.
        class_files: files of class names, of which the first that is there is taken.
        labels: where SRTG and MTNet have RGB frames and lists, which are taken first.
        mirroring_keeps_labels: whether a mirrored video shows the same class.
        source: where to get it.
    """

    title: str
    classes: int | None
    rgb_names: FrameNames | None
    source: str
    flow_names: FrameNames | None = None
    lists: tuple[str, ...] = (LIST,)
    flow_lists: tuple[str, ...] = (FLOW_LIST, LIST)
    flow_rule: FlowRule = "listed"
    class_files: tuple[str, ...] = (CLASS_FILE,)
    labels: LabelFiles | None = None
    mirroring_keeps_labels: bool = True

    def list_file(
        self, folder: str | Path, part: str, modality: str = "RGB", split: int = 1
    ) -> Path:
        """Finds a list.

        Args:
            folder: in which it is.
            part: "train" or "val".
            modality: "RGB", "RGBDiff" or "Flow".
            split: number of the split, where there are several.

        Raises:
            InputError: none is there.
        """
        lists = self.flow_lists if modality == "Flow" else self.lists
        if self.labels and modality != "Flow":
            lists = (f"labels/{self.labels.csv}", *lists)
        names = [name.format(part=part, split=split) for name in lists]
        found = _first(Path(folder), names)
        if found is None:
            raise InputError(
                f"{folder}: there is no list {' or '.join(names)} of {self.title}; put it there, "
                "or make it as docs/recognition-data.md says"
            )
        return found

    def class_names(self, folder: str | Path) -> tuple[str, ...]:
        """Reads the names of the classes; none where there is no file of them.

        Args:
            folder: in which the file is.

        Raises:
            InputError: the file is wrong.
        """
        found = _first(Path(folder), self.class_files)
        if found is None:
            return ()
        names = read_class_names(found)
        if self.classes not in (None, len(names)):
            raise InputError(
                f"{found}: names {len(names)} classes, and {self.title} has {self.classes}; give "
                "the file of this data set"
            )
        return names


def _first(folder: Path, names: tuple[str, ...] | list[str]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


_IMAGES = FrameNames("img_{:05d}.jpg")
_FLOW = FrameNames("flow_{}_{:05d}.jpg")
_KINETICS = "https://github.com/cvdfoundation/kinetics-dataset"


def _kinetics(classes: int) -> RecognitionSet:
    labels = LabelFiles(f"kinetics-{classes}_{{part}}.csv", "Kinetics_videos", time_slices=True)
    return RecognitionSet(f"Kinetics-{classes}", classes, _IMAGES, _KINETICS, labels=labels)


SETS: Final = {
    "ucf101": RecognitionSet(
        "UCF101",
        101,
        _IMAGES,
        "https://www.crcv.ucf.edu/data/UCF101.php",
        _FLOW,
        lists=("ucf101_rgb_{part}_split_{split}.txt", LIST),
        flow_lists=("ucf101_flow_{part}_split_{split}.txt",),
        class_files=("classInd.txt", CLASS_FILE),
        labels=LabelFiles("ucf101_split{split}_{part}.csv", "UCF101_videos"),
    ),
    "hmdb51": RecognitionSet(
        "HMDB51",
        51,
        _IMAGES,
        "https://serre-lab.clps.brown.edu/resource/hmdb-a-large-human-motion-database/",
        _FLOW,
        lists=("hmdb51_rgb_{part}_split_{split}.txt", LIST),
        flow_lists=("hmdb51_flow_{part}_split_{split}.txt",),
        labels=LabelFiles("hmdb_split{split}_{part}.csv", "HMDB51_videos"),
    ),
    "kinetics": _kinetics(400),
    "kinetics200": _kinetics(200),
    "kinetics400": _kinetics(400),
    "kinetics600": _kinetics(600),
    "kinetics700": _kinetics(700),
    "something": RecognitionSet(
        "Something-Something V1",
        174,
        FrameNames("{:05d}.jpg"),
        "its makers, 20BN, offer it no more",
        FrameNames("{:06d}-{}_{:05d}.jpg"),
        flow_lists=(FLOW_LIST,),
        flow_rule="halved",
        mirroring_keeps_labels=False,
    ),
    "somethingv2": RecognitionSet(
        "Something-Something V2",
        174,
        FrameNames("{:06d}.jpg"),
        "https://www.qualcomm.com/developer/software/something-something-v-2-dataset",
        FrameNames("{:06d}.jpg"),
        mirroring_keeps_labels=False,
    ),
    "jester": RecognitionSet(
        "Jester",
        27,
        FrameNames("{:05d}.jpg"),
        "https://www.qualcomm.com/developer/software/jester-dataset",
        mirroring_keeps_labels=False,
    ),
    "moments": RecognitionSet(
        "Moments in Time",
        339,
        _IMAGES,
        "http://moments.csail.mit.edu",
        class_files=("moments_categories.txt", CLASS_FILE),
        labels=LabelFiles("Moments_in_Time_{part}.csv", "Moments_in_Time_videos"),
    ),
    "hacs": RecognitionSet(
        "HACS",
        200,
        None,
        "http://hacs.csail.mit.edu",
        labels=LabelFiles("HACS_clips_v1.1_{part}.csv", "HACS_videos", time_slices=True),
    ),
    # SRTG mirrors its clips as those of its other data sets. Forward, backward, inward and reverse
    # dives, somersaults and twists stay what they are in a mirror.
    "diving48": RecognitionSet(
        "Diving48",
        48,
        None,
        "http://www.svcl.ucsd.edu/projects/resound/dataset.html",
        labels=LabelFiles("diving48_{part}.csv", "Diving48_videos"),
    ),
    "own": RecognitionSet(
        "your own data set",
        None,
        None,
        "docs/recognition-data.md says how to write its lists",
        lists=("{part}.csv", LIST),
        flow_lists=("{part}_flow.csv", FLOW_LIST),
        class_files=(CLASS_FILE, "classInd.txt"),
    ),
}
"""The data sets by name; "kinetics" is the one of 400 classes, as in TSN and TSM."""


def recognition_set(name: str) -> RecognitionSet:
    """Returns a data set by its name.

    Raises:
        InputError: there is none of this name.
    """
    if name not in SETS:
        raise InputError(f"data set {name!r}: is not known; take one of {', '.join(SETS)}")
    return SETS[name]
