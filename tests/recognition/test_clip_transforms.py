"""What 3D networks see of images: the pipelines of late temporal modelling and SRTG."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from data.video import open_video
from recognition.appearance import Appearance
from recognition.clip_backbones import BACKBONES_3D
from recognition.clip_sampling import LateTemporalSampling
from recognition.clip_transforms import (
    LateTemporalTraining,
    LateTemporalViews,
    SrtgTraining,
    SrtgViews,
    centre_cropped,
    shorter_resized,
    srtg_sizes,
)
from recognition.clips import Clips
from recognition.crops import Crop, fixed_places, multi_scale_sizes
from recognition.models import MODELS, format_of
from recognition.scoring import video_scores
from recognition.transforms import RGB_SCALES
from tests.recognition.clip_networks import needs_all_cases
from tests.reference_cases import folder, make_input, read_case

RANDOM = np.random.default_rng(0)


def _images(name, shape, channels, seed=0):
    """Images of a clip whose channels are stacked."""
    stacked = np.floor(make_input(name, shape, seed, 0, 256)).astype(np.uint8)
    parts = np.split(stacked, shape[2] // channels, axis=2)
    return [part.squeeze(2) if channels == 1 else part for part in parts]


def test_training_crops_of_late_temporal_modelling():
    description, arrays = read_case("recognition_bert", "pipeline/sampling_and_augmentation")
    for row in description["multi_scale_crop"]:
        height, width = row["input"]
        sizes = multi_scale_sizes(width, height, row["output"], RGB_SCALES)
        assert sorted((down, across) for across, down in sizes) == sorted(
            map(tuple, row["crop_sizes_h_w"])
        )
        places = fixed_places((width, height), (row["output"], row["output"]))
        assert sorted((place.top, place.left) for place in places) == sorted(
            map(tuple, row["offsets_y_x"])
        )
    grid = description["multi_scale_crop"][0]
    for number, row in enumerate(description["augmentation"]):
        of_flow = row["normalisation"].endswith("flow")
        backbone = BACKBONES_3D["resneXt3D101"]
        images = _images(row["clip"]["name"], row["clip"]["shape"], 1 if of_flow else 3)
        wanted = backbone.flow if of_flow else backbone.rgb
        for place, pick in enumerate(row["picks"]):
            height, width = grid["crop_sizes_h_w"][pick["crop_size_index"]]
            top, left = grid["offsets_y_x"][pick["offset_index"]]
            crop = Crop(left, top, width, height, pick["flip"])
            found = LateTemporalTraining(wanted).cut(images, crop).numpy()
            # The values of images of 8 bits are rounded alike in nearly all pixels.
            assert np.abs(found.ravel()[:16] - pick["first"]).max() <= description["tolerance"]
            assert found.mean() == pytest.approx(pick["mean"], abs=1e-5)
            stored = arrays.get(f"set{number}_aug_{place}")
            if stored is not None:
                assert np.abs(found[:, ::4, ::4] - stored).max() <= 1e-4
        centre = LateTemporalViews(wanted)(images, RANDOM).numpy()
        mean = np.array(wanted.mean * len(images), np.float32)[: len(centre), None, None]
        assert (centre + mean).sum(dtype=np.float64) == pytest.approx(row["center_crop"]["sum"])


class Projection(torch.nn.Module):
    """The network of the case of test protocols."""

    def __init__(self, row, channels):
        super().__init__()
        self.channels, size = channels, row["crop_size"]
        shapes = {"class": channels, "time": row["clip_length"], "y": size, "x": size}
        for name, length in shapes.items():
            values = make_input(f"proj_{name}", [7, length], row["seed"])
            self.register_buffer(name, torch.from_numpy(values))
        self.anchor = torch.nn.Parameter(torch.zeros(1))

    def forward(self, clips):
        maps = clips.unflatten(1, (-1, self.channels)).double()
        parts = (getattr(self, name) for name in ("time", "class", "y", "x"))
        summed = torch.einsum("ntcyx,kt,kc,ky,kx->nk", maps, *parts)
        return summed / np.sqrt(maps[0].numel())


class SyntheticFrames:
    """Reads the frames of the case of test protocols."""

    def __init__(self, description, *, flow):
        self.size, self.flow = description["frames"]["size"], flow

    def count(self, video):
        return video

    def read(self, video, indices):
        return [image for index in indices for image in self._frame(index + 1)]

    def _frame(self, number):
        if not self.flow:
            name, shape = f"frame_{number:05d}", [*self.size, 3]
            bgr = np.floor(make_input(name, shape, 0, 0, 256)).astype(np.uint8)
            return [np.ascontiguousarray(bgr[..., ::-1])]
        names = (f"flow_{axis}_{number:05d}" for axis in "xy")
        return [np.floor(make_input(name, self.size, 0, 0, 256)).astype(np.uint8) for name in names]


class Video(int):
    """A number of frames, with a class."""

    label = 0


def test_protocols_of_late_temporal_modelling():
    description, _ = read_case("recognition_bert", "pipeline/test_protocol")
    for row in description["cases"]:
        settings = MODELS[row["arch"]]
        wanted = format_of(settings)
        assert (wanted.crop_size, settings.frames) == (row["crop_size"], row["clip_length"])
        mode = "all" if row["kind"].startswith("multiple") else "one"
        clips = Clips(
            [Video(row["frames_in_video"])],
            SyntheticFrames(description, flow=settings.modality == "Flow"),
            LateTemporalSampling(mode, settings.frames),
            LateTemporalViews(wanted, 10 if row["ten_crop"] else 1),
        )
        network = Projection(row, settings.channels)
        (scores,) = video_scores(
            network, clips, [0], channels=settings.clip_channels, batch_size=10
        )
        expected = np.array(row["mean_logits"])
        error = np.abs(scores - expected).max() / np.abs(expected).max()
        assert error <= description["tolerance"], row["arch"]
        assert np.argsort(-scores)[:3].tolist() == row["top3"]


def test_sizes_of_srtg():
    description, arrays = read_case("recognition_srtg", "augment_ops")
    for row in description["resize_sizes"]:
        image = np.zeros((*row["in_h_w"], 3), np.uint8)
        assert list(shorter_resized(image, row["shorter_side"]).shape[:2]) == row["out_h_w"]
    for row in description["centre_crops"]:
        height, width = row["in_h_w"]
        image = np.stack(np.mgrid[:height, :width], 2).astype(np.uint16)
        side = min(row["crop_h_w"])
        found = centre_cropped(image, side)
        if row["crop_h_w"] == [side, side]:
            assert list(found.shape[:2]) == row["out_h_w"]
            assert found[0, 0].tolist() == row["top_left"]
    found = shorter_resized(arrays["image"], 30).astype(int)
    error = np.abs(found - arrays["resize_shorter_30"]).mean()
    assert error <= description["tolerance_mean_abs"]


@needs_all_cases
def test_validation_clips_of_srtg_from_a_frame_database():
    case = folder("recognition_srtg") / "sqlite_frames_data"
    description, arrays = read_case("recognition_srtg", "sqlite_frames")
    (video,) = case.glob("jpg/*/*")
    reader = open_video(video)
    frames, size, _ = description["end_size_thw"]
    wanted = format_of(MODELS["r3d_18"], size)
    for number, row in enumerate(description["clips"]):
        # Of frames that are asked for twice or in another order, the published reader makes one.
        places = sorted(set(row["indices_0_based"]))
        images = [frame.image for frame in reader if frame.index in places]
        views = SrtgViews(wanted, frames, srtg_sizes("kinetics400", size))
        clip = views(images, RANDOM).unflatten(0, (frames, 3)).transpose(0, 1).numpy()
        assert list(clip.shape) == row["output"]["shape"]
        stored = arrays[f"clip{number}_sub"]
        error = np.abs(clip[:, :, ::16, ::16] - stored).mean()
        assert error <= description["tolerance_mean_abs"]
        assert clip.mean() == pytest.approx(row["output"]["mean"], abs=0.005)


def test_training_clips_of_srtg():
    image = cv2.merge([np.full((60, 80), value, np.uint8) for value in (10, 100, 200)])
    wanted = format_of(MODELS["mtnet_s"], 32)
    plain = SrtgTraining(wanted, 4, srtg_sizes("own", 32), Appearance(0.0, 0.0))
    clip = plain([image] * 4, RANDOM).unflatten(0, (4, 3))
    assert clip.shape == (4, 3, 32, 32)
    blue = (200 / 255 - 124 / 255) * 0.0167 * 255  # comes first, with the mean of red
    torch.testing.assert_close(clip[:, 0], torch.full((4, 32, 32), blue), rtol=0, atol=1e-5)
    # A still image of a video that is too short, longer and larger clips of a multigrid schedule.
    torch.testing.assert_close(plain([image], RANDOM).unflatten(0, (4, 3)), clip)
    assert plain.of(2, 48)([image] * 2, RANDOM).shape == (6, 48, 48)
    changed = SrtgTraining(wanted, 4, srtg_sizes("own", 32), Appearance(1.0, 1.0))
    drawn = [changed([image] * 4, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    torch.testing.assert_close(drawn[0][:3], drawn[0][9:])  # all frames alike


def test_sizes_of_other_data_sets_are_in_proportion():
    assert srtg_sizes("own", 284).shorter == srtg_sizes("kinetics700", 284).shorter == 384
    assert srtg_sizes("own", 142).shorter == 192
    assert srtg_sizes("HACS", 224).kept == (294, 256)
    assert srtg_sizes("ucf101", 256).crop == 224


@pytest.mark.parametrize(
    ("dataset", "trained", "seen"),
    [
        ("kinetics700", 284, 256),  # always, as published
        ("moments", 284, 256),
        ("hacs", None, 256),
        ("ucf101", None, 256),
        ("hmdb51", 256, 256),
        ("kinetics700", 112, 112),
        ("own", 284, 284),
    ],
)
def test_sizes_that_networks_of_srtg_are_tested_with(dataset, trained, seen):
    sizes = srtg_sizes(dataset, trained)
    views = SrtgViews(format_of(MODELS["r3d_18"], trained), 2, sizes)
    image = np.zeros((300, 400, 3), np.uint8)
    assert views([image] * 2, RANDOM).shape == (6, seen, seen)
