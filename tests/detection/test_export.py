"""Exported detectors compute what PyTorch does, stand alone, and say what is wrong with them."""

from __future__ import annotations

import json
import sys

import numpy as np
import onnx
import pytest
import torch

import data
from detection import Detector, detect, export
from detection.onnx_model import make_onnx_model
from detection.onnx_network import OnnxNetwork
from detection.priors import prior_boxes
from detection.streams import RGB, Stream
from tests.detection.small import CLASSES, SIDE, description, save_small, small_network

TWO_STREAMS = (Stream(), Stream("fastOF", 3))
NETWORKS = [
    (2, RGB, "none", "mobilenet_v2_stride16"),
    (1, RGB, "none", "mobilenet_v2_stride16"),
    (3, RGB, "none", "mobilenet_v2"),
    (2, TWO_STREAMS, "cat", "mobilenet_v2_stride16"),
    (2, TWO_STREAMS, "sum", "mobilenet_v2_stride16"),
    (1, TWO_STREAMS, "mean", "mobilenet_v2_stride16"),
    (2, RGB, "none", "mobilenet_v3_large"),
    (2, RGB, "none", "resnet18"),
    (2, RGB, "none", "shufflenet_v2"),
    pytest.param(2, RGB, "none", "vgg16", marks=pytest.mark.slow),
    pytest.param(1, RGB, "none", "vgg16", marks=pytest.mark.slow),
    pytest.param(2, TWO_STREAMS, "cat", "vgg16", marks=pytest.mark.slow),
]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return save_small(tmp_path_factory.mktemp("weights") / "small.safetensors", small_network(), 1)


@pytest.mark.parametrize(("seq_len", "streams", "fusion_type", "basenet"), NETWORKS)
def test_a_stream_gives_what_pytorch_gives(tmp_path, seq_len, streams, fusion_type, basenet):
    """Boxes of a whole video, its end included, one frame at a time and three together."""
    network = small_network(seq_len, streams, fusion_type, basenet)
    exported = OnnxNetwork(make_onnx_model(network, description(network)), tmp_path)
    assert export.greatest_difference(network, exported, seed=1) <= 1e-4
    detectors = [
        Detector(each, CLASSES, "test", seq_gap=int(seq_len == 2)) for each in (network, exported)
    ]
    random = np.random.default_rng(0)
    video = [
        [random.integers(0, 256, (48, 64, 3)).astype(np.uint8) for _ in streams] for _ in range(5)
    ]
    for batch_size in (1, 3):
        found = []
        for detector in detectors:
            stream = detector.stream(batch_size, _every_row)
            rows = [row for images in video for row in stream.update_images(images)]
            found.append(rows + stream.finish())
        assert len(found[0]) == len(found[1]) == 5
        for theirs, ours in zip(*found, strict=True):
            for a, b in zip(theirs, ours, strict=True):
                assert np.abs(a - b).max() <= 1e-4 * np.abs(a).max()


def _every_row(scores, offsets, priors, size, *, place=0):
    return offsets[:, 4 * place : 4 * place + 4].numpy(), scores.numpy()


def test_the_command_writes_a_file_that_stands_alone(weights, tmp_path, capsys):
    output = tmp_path / "there" / "model.onnx"
    assert export.main(["--weights", str(weights), "--output", str(output)]) == 0
    printed = capsys.readouterr().out
    assert "greatest difference from PyTorch" in printed and str(output) in printed
    model = onnx.load(output)
    (described,) = [json.loads(entry.value) for entry in model.metadata_props]
    assert described["classes"] == list(CLASSES)
    assert (described["seq_len"], described["seq_gap"], described["input_size"]) == (2, 1, SIDE)
    assert described["streams"] == [{"input_type": "rgb", "images": 1}]
    network = small_network()
    assert described["normalisation"] == [
        {"mean": list(x.mean), "std": list(x.std)} for x in network.normalisation
    ]
    recipe = described["priors"]
    priors = prior_boxes(recipe["map_sizes"], recipe["strides"], described["input_size"])
    assert torch.equal(priors, network.priors)
    with pytest.raises(data.InputError, match="already there"):
        export.main(["--weights", str(weights), "--output", str(output)])
    assert export.main(["--weights", str(weights), "--output", str(output), "--overwrite"]) == 0


def test_detections_are_those_of_pytorch(weights, tmp_path):
    root = tmp_path / "runs"
    assert export.main(["--weights", str(weights), "--save_root", str(root)]) == 0
    video = tmp_path / "clip.mp4"
    with data.VideoWriter(video, 64, 48, 25) as writer:
        for index in range(8):
            image = np.full((48, 64, 3), 90, np.uint8)
            image[14:34, 20 + 2 * index : 36 + 2 * index] = 250
            writer.write(image)
    found = []
    for name, options in {
        "pytorch": [f"--weights={weights}"],
        "on the fly": [f"--weights={weights}", "--backend=onnx"],
        "exported": [f"--weights={root / 'export' / 'small.onnx'}", "--batch_size=3"],
    }.items():
        detect.main([str(video), *options, f"--save_root={tmp_path / name}", "--device=auto"])
        found.append(data.Detections.load(tmp_path / name / "detections" / "clip.npz"))
    for other in found[1:]:
        assert other.model == found[0].model and other.classes == CLASSES
        assert np.array_equal(other.offsets, found[0].offsets)
        assert np.allclose(other.boxes, found[0].boxes, atol=1e-2)
        assert np.allclose(other.scores, found[0].scores, atol=1e-4)


def test_what_differs_is_not_written(weights, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(export, "greatest_difference", lambda *_: float("nan"))
    output = tmp_path / "model.onnx"
    assert export.main(["--weights", str(weights), "--output", str(output)]) == 1
    assert "nothing was written" in capsys.readouterr().out and not output.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--weights=nowhere.pth"], "nowhere.pth"),
        ([], "--weights"),
        (["--weights={weights}", "--output=model.pt"], r"model\.pt: must end in \.onnx"),
    ],
)
def test_bad_options(weights, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(data.InputError, match=message):
        export.main([option.format(weights=weights) for option in options])
    assert not list(tmp_path.iterdir())


def _no_description(model):
    del model.metadata_props[:]


def _other_version(model):
    model.metadata_props[0].value = json.dumps({"format": "action-tubes/onnx-detector"})


def _no_streams(model):
    described = json.loads(model.metadata_props[0].value)
    model.metadata_props[0].value = json.dumps({**described, "streams": []})


def _other_names(model):
    model.graph.input[0].name = "picture"


def _no_layers(model):
    del model.graph.node[:]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_no_description, "describes no detector"),
        (_other_version, "describes no detector"),
        (_no_streams, "is not a whole detector"),
        (_other_names, "is not a whole detector"),
        (_no_layers, "is not a whole detector"),
    ],
)
def test_other_models_are_refused(tmp_path, damage, message):
    network = small_network()
    model = make_onnx_model(network, description(network))
    damage(model)
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    with pytest.raises(data.InputError, match=message) as error:
        Detector.load(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"no model at all"])
def test_what_is_no_model_is_refused(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(data.InputError, match=r"model\.onnx: "):
        Detector.load(path)


def test_a_model_needs_its_backend(weights, tmp_path):
    path = tmp_path / "model.onnx"
    path.touch()
    with pytest.raises(data.InputError, match="PyTorch does not run ONNX models"):
        detect.main(["--weights", str(path), "--backend=pytorch"])
    with pytest.raises(data.InputError, match="is an ONNX model already"):
        export.main(["--weights", str(path)])


@pytest.mark.parametrize("name", ["onnx", "onnxruntime"])
def test_a_missing_package_is_named(weights, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(data.InputError, match=f"package {name} is not installed.*pip install"):
        Detector.load(weights, backend="onnx")
