"""Optical flow between two frames, as a field of vectors and as the published flow images."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from data.errors import InputError
from data.frame import Frame

Image = npt.NDArray[np.uint8]
FlowField = npt.NDArray[np.float32]
FlowEstimator = Callable[[Image, Image], FlowField]

# What is computed here. Published images of other estimators, such as Brox's, are only read.
COMPUTED_TYPES: Final = ("fastOF", "raft")
# What changes the images; stored ones that were made otherwise are not taken for the same.
ESTIMATORS: Final = {"fastOF": "DIS, preset medium", "raft": "RAFT large, C_T_SKHT_V2, 12 updates"}

# One pixel of motion is so many grey levels, and no motion is the middle one: x is 128 + 16 x,
# which holds 8 pixels to either side (github.com/gurkirt/optical-flow, default bound).
LEVELS_A_PIXEL: Final = 16
NO_MOTION: Final = 128

# DIS refuses images smaller than its patches, and RAFT those that it cannot halve six times or
# that do not consist of whole cells. What is added repeats the last pixels.
_DIS_SIDE = 16
_RAFT_STRIDE, _RAFT_SIDE = 8, 128


def flow_estimator(input_type: str, device: str = "auto") -> FlowEstimator:
    """Returns an estimator of optical flow.

    `fastOF` is OpenCV's DIS (Kroeger et al., Fast Optical Flow using Dense Inverse Search, ECCV
    2016) with its preset medium. On one core it takes 12 ms for 320x240 pixels; the presets fast
    (2.5 ms) and ultrafast (1.2 ms) err about twice as far, and on small moving figures more.

    `raft` is torchvision's large RAFT (Teed and Deng, RAFT: Recurrent All-Pairs Field Transforms,
    ECCV 2020). On one core it takes 2.3 s for 320x240 pixels. The small one takes 0.6 s and by
    torchvision's figures errs by a fifth to two fifths more on Sintel; who wants speed has fastOF.

    Args:
        input_type: one of `COMPUTED_TYPES`.
        device: where RAFT runs: auto, cpu or cuda.

    Returns:
        A function of two uint8 (H, W, 3) RGB images that gives float32 (H, W, 2): by how many
        pixels to the right and down each pixel of the first has moved in the second. Not for
        several threads at once.

    Raises:
        InputError: the weights of RAFT are not there and cannot be fetched, or there is no GPU.
        ValueError: the input type is not computed here.
    """
    if input_type == "fastOF":
        return _Dis()
    if input_type == "raft":
        return _Raft(device)
    raise ValueError(f"input_type must be one of {', '.join(COMPUTED_TYPES)}, not {input_type}")


class _Dis:
    """OpenCV's DIS between the grey values of two images."""

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def __call__(self, first: Image, second: Image) -> FlowField:
        height, width = first.shape[:2]
        pad = (0, max(0, _DIS_SIDE - height), 0, max(0, _DIS_SIDE - width))
        grey = [
            cv2.copyMakeBorder(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), *pad, cv2.BORDER_REPLICATE)
            for image in (first, second)
        ]
        # An array of the right shape in place of None would be taken for a first guess.
        flow = self._dis.calc(grey[0], grey[1], None)  # type: ignore[call-overload]
        return np.asarray(flow[:height, :width], np.float32)


class _Raft:
    """torchvision's RAFT on a device."""

    def __init__(self, device: str) -> None:
        import torch

        if device == "cuda" and not torch.cuda.is_available():
            raise InputError("--device cuda: there is no GPU that PyTorch can use; use cpu")
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self._device = device
        self._network = _raft_network(device)

    def __call__(self, first: Image, second: Image) -> FlowField:
        import torch
        from torch.nn.functional import pad

        height, width = first.shape[:2]
        below, right = (
            max(_RAFT_SIDE, -(-side // _RAFT_STRIDE) * _RAFT_STRIDE) - side
            for side in (height, width)
        )
        images = torch.from_numpy(np.stack([first, second])).to(self._device)
        images = images.permute(0, 3, 1, 2).float() / 127.5 - 1
        images = pad(images, (0, right, 0, below), mode="replicate")
        with torch.inference_mode():
            flow = self._network(images[:1], images[1:])[-1][0, :, :height, :width]
        return np.asarray(flow.permute(1, 2, 0).contiguous().cpu().numpy(), np.float32)


@lru_cache(maxsize=1)
def _raft_network(device: str) -> Any:
    """Returns RAFT with torchvision's weights, which are downloaded once."""
    import torch
    from torchvision.models.optical_flow import Raft_Large_Weights, raft_large

    weights = Raft_Large_Weights.C_T_SKHT_V2
    try:
        network = raft_large(weights=weights)
    except (OSError, RuntimeError) as error:
        folder = os.path.join(torch.hub.get_dir(), "checkpoints")
        raise InputError(
            f"raft: torchvision's weights are not there and cannot be fetched ({error}); put "
            f"{weights.url} into {folder}, or use the input type fastOF, which needs none"
        ) from error
    return network.eval().to(device)


def encode_flow(flow: FlowField) -> Image:
    """Returns a flow field as the published flow images show it.

    Red is the motion to the right, green the motion down and blue the length, each as 16 grey
    levels a pixel around 128 and at most 8 pixels (Brox images of gurkirt/optical-flow, read by
    ROAD and AMTNet).

    Args:
        flow: float32 (H, W, 2), pixels.

    Returns:
        uint8 (H, W, 3), RGB.
    """
    length = np.hypot(flow[..., 0], flow[..., 1])
    levels = np.dstack([flow, length]) * LEVELS_A_PIXEL + NO_MOTION
    return np.asarray(np.rint(np.clip(levels, 0, 255)), np.uint8)


class FlowStream:
    """Makes flow images of frames that come one by one, each one frame late.

    The flow image of a frame shows the motion to the next one; that of the last frame repeats the
    one before, and is without motion if there is none. No more than one frame is kept.

    Example:
        stream = FlowStream(flow_estimator("fastOF"))
        for frame in video:
            flow = stream.update(frame)  # None for the first frame
        flow = stream.finish()
    """

    def __init__(self, estimator: FlowEstimator) -> None:
        """Begins a video.

        Args:
            estimator: see `flow_estimator`.
        """
        self._estimator = estimator
        self._frame: Frame | None = None
        self._image: Image | None = None

    def update(self, frame: Frame) -> Frame | None:
        """Takes the next frame.

        Args:
            frame: of the size of the others.

        Returns:
            The flow image of the frame before, with its index and time; None for the first frame.
        """
        before, self._frame = self._frame, frame
        if before is None:
            return None
        self._image = encode_flow(self._estimator(before.image, frame.image))
        return Frame(image=self._image, index=before.index, time=before.time)

    def finish(self) -> Frame | None:
        """Ends the video.

        Returns:
            The flow image of the last frame, or None if there was no frame.
        """
        last, image = self._frame, self._image
        self.reset()
        if last is None:
            return None
        if image is None:
            image = np.full_like(last.image, NO_MOTION)
        return Frame(image=image, index=last.index, time=last.time)

    def reset(self) -> None:
        """Forgets the frames: what comes next is another video."""
        self._frame = self._image = None
