"""Detections of whole videos, written so that no failure leaves half of one behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import torch
from torch import Tensor

import data
from data.interchange.files import atomic_folder, video_path
from data.interchange.road_mat import write_frame
from detection.detector import Detector, detect_frames, detect_video, open_inputs
from detection.matching import decode
from detection.postprocess import Rows
from detection.sources import Source

NPZ, ROAD_MAT = "npz", "road-mat"
SAVE_FORMATS = (NPZ, ROAD_MAT)


@dataclass(frozen=True)
class VideoDetection:
    """What is done with each video, in one of several processes.

    Attributes:
        folder: where results are written.
        weights: as of `Detector.load`.
        device: likewise.
        precision: likewise.
        backend: likewise.
        batch_size: frames that are computed together.
        save_format: "npz", a file of `data.Detections` for each video, or "road-mat", a folder with
            a Matlab file for each frame as ROAD's test script writes them: all prior boxes, before
            any choice (Singh et al., ICCV 2017).
    """

    folder: Path
    weights: Path
    device: str
    precision: str
    backend: str
    batch_size: int
    save_format: str

    def __call__(
        self, source: Source, on_frame: Callable[[], object] = lambda: None
    ) -> tuple[int, int]:
        """Writes the detections of a video; returns the number of its frames, and of boxes.

        Raises:
            InputError: the video cannot be read, or the result not written.
        """
        if self.save_format == ROAD_MAT:
            return self._write_matlab(source, on_frame)
        found = detect_video(
            self.detector(),
            source.path,
            source.name,
            batch_size=self.batch_size,
            open_input=self._opener(source),
            on_frame=on_frame,
        )
        found.save(self.result(source))
        return found.frames, len(found.boxes)

    def detector(self) -> Detector:
        """The detector, loaded once in each process.

        Raises:
            InputError: it cannot be loaded.
        """
        return _load(self.weights, self.device, self.precision, self.backend)

    def result(self, source: Source) -> Path:
        """The file or folder of a video's detections, which is there when all of them are.

        Raises:
            InputError: the name of the video cannot be that of a file.
        """
        return video_path(self.folder, source.name, ".npz" if self.save_format == NPZ else "")

    def _write_matlab(self, source: Source, on_frame: Callable[[], object]) -> tuple[int, int]:
        frames = boxes = 0
        with (
            open_inputs(self.detector(), self._opener(source)) as readers,
            atomic_folder(self.result(source)) as folder,
        ):
            stream = self.detector().stream(self.batch_size, every_prior)
            for corners, scores in detect_frames(stream, readers, on_frame):
                write_frame(folder, frames, corners, scores)
                frames += 1
                boxes += len(corners)
        return frames, boxes

    def _opener(self, source: Source) -> Callable[[str], data.VideoReader]:
        return partial(source.open_input, device=self.detector().device.type)


def every_prior(
    scores: Tensor, offsets: Tensor, priors: Tensor, size: tuple[int, int], *, place: int = 0
) -> Rows:
    """The boxes of all priors as ROAD's test script writes them.

    Args:
        scores: see `detection.postprocess.detection_rows`.
        offsets: likewise.
        priors: likewise.
        size: not needed, since corners stay divided by it.
        place: likewise.

    Returns:
        Corners `(P, 4)`, divided by the size of the frame and not clipped, and the softmax of the
        scores `(P, classes + 1)`, background first.
    """
    corners = decode(offsets[:, 4 * place : 4 * place + 4], priors).float()
    return corners.cpu().numpy(), torch.softmax(scores, -1).float().cpu().numpy()


@lru_cache(maxsize=1)
def _load(weights: Path, device: str, precision: str, backend: str) -> Detector:
    return Detector.load(weights, device, precision, backend)
