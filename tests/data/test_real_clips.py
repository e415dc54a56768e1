"""Real clips of the samples, which have what generated ones have not."""

from __future__ import annotations

import os
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest

from data import open_video
from tests.data.reference import needs_samples, sample

# File, width, height, frames that FFmpeg's own tools decode, frame rate.
CLIPS = [
    ("clips/torchvision_assets/TrumanShow_wave_f_nm_np1_fr_med_26.avi", 432, 240, 48, 30.0),
    ("clips/flipping_a_pancake.mkv", 426, 240, 310, 30.0),
    ("clips/smthv2/smth-smth-1.webm", 427, 240, 47, 12.0),
    ("ucf24/clips/v_Basketball_g01_c02.mp4", 340, 256, 180, 30000 / 1001),  # bare MPEG-4
    (  # its metadata are not UTF-8
        "clips/torchvision_assets/hmdb51_Turnk_r_Pippi_Michel_cartwheel_f_cm_np2_le_med_6.avi",
        320,
        240,
        83,
        30.0,
    ),
]


@needs_samples
@pytest.mark.parametrize(
    ("name", "width", "height", "frames", "rate"), CLIPS, ids=[clip[0] for clip in CLIPS]
)
def test_real_clips(name: str, width: int, height: int, frames: int, rate: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with open_video(sample(name)) as video:
            assert (video.width, video.height) == (width, height)
            assert video.frame_rate == pytest.approx(rate)
            times = []
            for frame in video:
                assert frame.image.shape == (height, width, 3)
                times.append(frame.time)
    assert len(times) == frames
    assert np.allclose(np.diff(times), 1 / rate, atol=2e-3)


SAMPLES = Path(os.environ.get("REFERENCE_CASES", "none")).parent / "samples"
ALL_CLIPS = sorted(
    path.relative_to(SAMPLES).as_posix()
    for pattern in ("clips/**/*", "ucf24/clips/*", "ucfsports/*", "jhmdb21/videos/jump/*")
    for path in SAMPLES.glob(pattern)
    if path.suffix in (".avi", ".mkv", ".mp4", ".webm")
)


@needs_samples
@pytest.mark.parametrize("name", ALL_CLIPS)
def test_selected_frames_are_those_of_iteration(name: str) -> None:
    random = np.random.default_rng(0)
    with open_video(sample(name)) as video:
        every = [(frame.index, frame.time, zlib.crc32(frame.image)) for frame in video]
        for count in (1, 1, 2, 5):
            indices = sorted(random.choice(len(every), count, replace=False).tolist())
            with open_video(video.path) as fresh:
                for reader in (video, fresh):
                    selected = [
                        (frame.index, frame.time, zlib.crc32(frame.image))
                        for frame in reader.select([*indices, len(every)])
                    ]
                    assert selected == [every[index] for index in indices]
