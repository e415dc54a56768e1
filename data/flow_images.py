"""Stores the flow images of videos as they are published, so that no failure leaves half of them.

The images of a video are written into a hidden folder beside their place, which is renamed when it
holds all of them. A record in it says how they were made.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from data.errors import InputError
from data.files import atomic_write, lock
from data.image_folder import list_images, read_image
from data.input_images import FlowVideo
from data.optical_flow import ESTIMATORS, flow_estimator
from data.video import open_video, video_files

RECORD = "flow.json"
JPEG_QUALITY = 95  # OpenCV's default, of which the published images are


@dataclass(frozen=True)
class FlowImages:
    """The flow images of one video, to be stored.

    Attributes:
        source: the video: a file, or a folder of RGB images.
        folder: for the flow images.
    """

    source: Path
    folder: Path

    def are_stored(self, input_type: str) -> bool:
        """Whether the images are there.

        Raises:
            InputError: they are there, but of another video, or made otherwise.
        """
        if not self.folder.exists():
            return False
        record = _read_record(self.folder)
        if record is None:
            raise InputError(
                f"{self.folder}: holds images that this program did not make, or not whole; they "
                "are read as they are; add --overwrite to replace them"
            )
        if record != self._made_from(input_type):
            raise InputError(
                f"{self.folder}: its flow images were made of another video, or in another way "
                f"({record.get('estimator')}); add --overwrite to replace them"
            )
        return True

    def store(
        self, input_type: str, device: str, on_image: Callable[[], object] = lambda: None
    ) -> int:
        """Computes the images, from the first one that an interrupted run has not written.

        Args:
            input_type: one of `data.optical_flow.COMPUTED_TYPES`.
            device: where RAFT runs: auto, cpu or cuda.
            on_image: called after each image.

        Returns:
            How many were computed.

        Raises:
            InputError: the video cannot be read, the folder not written, or another process is
                at it.
        """
        part = self.part_folder
        computed = 0
        with FlowVideo(open_video(self.source), flow_estimator(input_type, device)) as video:
            try:
                last = _begin(part, self._made_from(input_type)) - 1
            except OSError as error:
                raise InputError(
                    f"{part.parent}: flow images cannot be written there ({error.strerror}); "
                    "change its permissions, or choose another folder"
                ) from error
            with (part / RECORD).open("rb") as record:
                if lock(record) is False:
                    raise InputError(
                        f"{self.folder}: another run is computing these images; wait for its end"
                    )
                for frame in video.following(last):
                    _write_image(part / f"{frame.index + 1:05d}.jpg", frame.image)
                    computed += 1
                    on_image()
        if self.folder.exists():
            shutil.rmtree(self.folder)
        part.rename(self.folder)
        return computed

    def remove_part(self) -> None:
        """Removes what an interrupted run has written."""
        shutil.rmtree(self.part_folder, ignore_errors=True)

    @property
    def part_folder(self) -> Path:
        """Where the images are as long as some are missing."""
        return self.folder.with_name(f".{self.folder.name}.part")

    def _made_from(self, input_type: str) -> dict[str, Any]:
        """Everything that decides what the images are."""
        files = video_files(self.source)
        return {
            "estimator": ESTIMATORS[input_type],
            "files": len(files),
            "bytes": sum(file.stat().st_size for file in files),
        }


def _begin(part: Path, made_from: dict[str, Any]) -> int:
    """Makes the folder, or finds how many images are there that were made in the same way."""
    if _read_record(part) != made_from:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        with atomic_write(part / RECORD, "w") as file:
            json.dump(made_from, file, indent=2)
            file.write("\n")
        return 0
    count = len(list_images(part))
    if count:
        try:
            read_image(part / f"{count:05d}.jpg")
        except InputError:  # it was being written
            return count - 1
    return count


def _read_record(folder: Path) -> dict[str, Any] | None:
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def _write_image(path: Path, image: npt.NDArray[np.uint8]) -> None:
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    done, content = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)
    if not done:
        raise ValueError(f"{path}: the image could not be encoded")
    path.write_bytes(content.tobytes())
