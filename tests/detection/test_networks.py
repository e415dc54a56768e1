"""Networks of one and two streams: the published figures, and what backbones have in common."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from torchvision.models import MobileNet_V2_Weights, mobilenet_v2

from detection.backbones import BACKBONES, create_backbone
from detection.detector import Detector, build_network
from detection.loss import hard_negatives, multi_box_loss
from detection.matching import match
from detection.network import MicroTubeNetwork
from detection.pretrained import start_from_pretrained
from detection.priors import prior_boxes
from detection.streams import Stream
from weights import load_checkpoint, load_tensors, merge_normalisation

SSD300 = ([38, 19, 10, 5, 3, 1], [8, 16, 32, 64, None, None])
TWO_STREAMS = (Stream(), Stream("brox", 5))
LIGHT = [name for name in BACKBONES if name != "vgg16"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "folder", "file"),
    [
        (
            "amtnet_sum_rgb1_brox5_sl2",
            "AMTNet-ucf24-s1-sum-rgb-brox-sl02sg00-bs08-lr00050",
            "x.pth",
        ),
        ("amtnet_cat_rgb1_brox5_sl2", "any", "AMTNet_70000.pth"),
        ("road_ssd300_rgb", "any", "rgb-ssd300_ucf24_120000.pth"),
    ],
)
def test_published_network(case, make_input, fill_state, tmp_path, name, folder, file):
    """A checkpoint with the published keys gives the published outputs."""
    description, arrays = case(name)
    state = fill_state(description["manifest"], description["gain"], description["seed"])
    path = tmp_path / folder / file
    path.parent.mkdir()
    torch.save({key: torch.from_numpy(value) for key, value in state.items()}, path)
    checkpoint = load_checkpoint(path)
    network = build_network(checkpoint)
    images = [
        torch.from_numpy(
            make_input(
                **{k: entry[k] for k in ("name", "shape", "low", "high")},
                seed=entry.get("seed", description["seed"]),
            )
        )
        for entry in description["inputs"]
    ]
    if images[0].ndim == 4:
        images = [images[0][:, None]]  # ROAD looks at single frames
    for dtype in (torch.float64, torch.float32):
        network = network.to(dtype)
        tolerance = description["tolerance_float32"]
        if dtype == torch.float64:
            network.load_state_dict(checkpoint.state)
            tolerance = description["tolerance"]
        with torch.inference_mode():
            scores, offsets = network(*[stream.to(dtype) for stream in images])
        for ours, wanted in ((scores, arrays["conf_rows"]), (offsets, arrays["loc_rows"])):
            error = np.abs(ours.numpy()[:, arrays["rows"]] - wanted).max() / np.abs(wanted).max()
            assert error <= tolerance


def test_what_names_of_published_files_tell(tmp_path):
    network = MicroTubeNetwork("vgg16", 21, 2, streams=TWO_STREAMS, fusion_type="mean")
    state = _published(network)
    folder = tmp_path / "AMTNet-jhmdb21-s2-mean-rgb-fastOF-sl02sg20-bs08-lr00050"
    for path in (folder / "AMTNet_70000.pth", tmp_path / "AMTNet_70000.pth"):
        path.parent.mkdir(exist_ok=True)
        torch.save({f"module.{key}": value for key, value in state.items()}, path)
    checkpoint = load_checkpoint(folder / "AMTNet_70000.pth")
    assert checkpoint.metadata["fusion_type"] == "mean" and checkpoint.metadata["seq_gap"] == 1
    kinds = [stream["input_type"] for stream in checkpoint.metadata["streams"]]
    assert kinds == ["rgb", "fastOF"] and len(checkpoint.metadata["classes"]) == 21
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, checkpoint.state[name]), name
    with pytest.raises(Exception, match="by sum or by mean, which its tensors do not tell"):
        load_checkpoint(tmp_path / "AMTNet_70000.pth")


def _published(network):
    """The state of a network with the published keys."""
    state, seq_len = {}, network.seq_len
    for name, value in network.state_dict().items():
        core, _, rest = name.partition(".")
        if core == "heads":
            index, kind = rest.split(".")
            boxes = 4 * seq_len * (4, 6, 6, 6, 4, 4)[int(index)]
            if kind == "weight":
                value = value.permute(1, 0, 3, 4, 2).flatten(1)
            state[f"loc.{index}.{kind}"], state[f"conf.{index}.{kind}"] = (
                value[:boxes].clone(),
                value[boxes:].clone(),
            )
        else:
            published = {"backbone": "core_base", "extra_backbone": "core_extra"}[core]
            state[f"{published}.{rest}"] = value
    return state


def test_parameters_are_as_many_as_published():
    for streams, fusion_type, seq_len, wanted in (
        (TWO_STREAMS, "sum", 2, 54_715_486),
        (TWO_STREAMS, "cat", 2, 63_535_198),
        ((Stream(),), "none", 1, 26_820_134),
    ):
        network = MicroTubeNetwork("vgg16", 24, seq_len, None, streams, fusion_type)
        assert sum(parameter.numel() for parameter in network.parameters()) == wanted


@pytest.mark.parametrize(
    ("basenet", "fusion_type"),
    [
        pytest.param("vgg16", "cat", marks=pytest.mark.slow),
        *product(LIGHT, ["none", "sum", "cat", "mean"]),
    ],
)
def test_a_stream_of_frames_gives_what_micro_tubes_give(basenet, fusion_type):
    torch.manual_seed(0)
    streams = TWO_STREAMS[:1] if fusion_type == "none" else TWO_STREAMS
    side = 300 if basenet == "vgg16" else 64
    network = MicroTubeNetwork(basenet, 3, 2, side, streams, fusion_type)
    inputs = [torch.randn(1, 2, 3 * stream.images, side, side) for stream in streams]
    if basenet != "vgg16":
        for head in network.heads:
            torch.nn.init.normal_(head.output.weight, std=0.5)
        network.train()(*[torch.cat([x, -x]) for x in inputs])  # statistics of some data
    network.eval()
    with torch.inference_mode():
        wanted = network(*inputs)
        terms = [network.frame_terms(*[x[:, place] for x in inputs]) for place in range(2)]
        combined = network.combine(terms)
        merge_normalisation(network)
        merged = network(*inputs)
    assert wanted[0].shape == (1, len(network.priors), 4) and wanted[1].shape[2] == 8
    for ours in (combined, merged):
        for a, b in zip(ours, wanted, strict=True):
            assert (a - b).abs().max() <= 1e-4 * b.abs().max()
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())


@pytest.mark.parametrize("basenet", LIGHT)
def test_light_backbones_learn(basenet):
    network = MicroTubeNetwork(basenet, 3, 2, 64)
    scores, offsets = network(torch.randn(2, 2, 3, 64, 64))
    (scores.square().mean() + offsets.square().mean()).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize(
    ("streams", "fusion_type", "message"),
    [
        (TWO_STREAMS, "none", "needs 1 stream"),
        (TWO_STREAMS[:1], "sum", "needs 2 stream"),
        (TWO_STREAMS, "product", "fusion type 'product' is unknown"),
    ],
)
def test_streams_that_do_not_fit(streams, fusion_type, message):
    with pytest.raises(ValueError, match=message):
        MicroTubeNetwork("mobilenet_v2", 2, streams=streams, fusion_type=fusion_type)


@pytest.mark.parametrize(("kind", "images"), [("depth", 1), ("rgb", 0)])
def test_no_such_stream(kind, images):
    with pytest.raises(ValueError, match=r"unknown|at least 1"):
        Stream(kind, images)


def test_first_layer_for_stacked_images(case, fill_state):
    description, arrays = case("first_conv_remap_3_to_15")
    entry = description["input"]
    filled = fill_state([[entry["key"], entry["shape"], "float32"]], entry["gain"], entry["seed"])
    state = {key: torch.from_numpy(value).float() for key, value in filled.items()}
    network = MicroTubeNetwork("vgg16", 2, streams=[Stream("brox", 5)])
    assert start_from_pretrained(network, state) == ["backbone.vgg.0.weight"]
    weight = network.backbone.vgg[0].weight.detach().numpy()
    assert np.abs(weight[:4] - arrays["first4"]).max() <= description["tolerance"]


@pytest.mark.parametrize(
    "layout", ["reduced", "road", "amtnet", "amtnet of one GPU", "torchvision"]
)
def test_every_published_core_can_be_started_from(tmp_path, layout):
    core = {key: value for key, value in create_backbone("vgg16").state_dict().items()}
    if layout == "reduced":
        state = {
            key.removeprefix("vgg."): value for key, value in core.items() if key.startswith("vgg.")
        }
    elif layout == "torchvision":
        state = {
            key.replace("vgg.", "features."): value
            for key, value in core.items()
            if key.startswith("vgg.") and int(key.split(".")[1]) < 31
        }
    elif layout == "road":
        single = MicroTubeNetwork("vgg16", 24, 1)
        single.backbone.load_state_dict(core)
        state = {k.removeprefix("backbone."): v for k, v in single.state_dict().items()}
        for index, priors in enumerate((4, 6, 6, 6, 4, 4)):
            for kind in ("weight", "bias"):
                value = state.pop(f"heads.{index}.{kind}")
                state[f"loc.{index}.{kind}"], state[f"conf.{index}.{kind}"] = value.split(
                    [4 * priors, 25 * priors]
                )
    else:
        micro_tubes = MicroTubeNetwork("vgg16", 24)
        micro_tubes.backbone.load_state_dict(core)
        prefix = "module." if layout == "amtnet" else ""
        state = {prefix + key: value for key, value in _published(micro_tubes).items()}
    torch.save({k: v.clone() for k, v in state.items()}, tmp_path / "start.pth")
    network = MicroTubeNetwork("vgg16", 3, streams=TWO_STREAMS, fusion_type="sum")
    tensors = load_tensors(tmp_path / "start.pth")
    taken = start_from_pretrained(network, tensors, tensors)
    for backbone in ("backbone", "extra_backbone"):
        assert f"{backbone}.vgg.28.weight" in taken
        assert (f"{backbone}.extras.7.bias" in taken) == ("road" in layout or "amtnet" in layout)
    assert torch.equal(network.extra_backbone.vgg[28].weight, core["vgg.28.weight"])
    summed = network.extra_backbone.vgg[0].weight.sum(1)
    assert torch.allclose(summed, core["vgg.0.weight"].sum(1), atol=1e-6)


def test_torchvision_weights_see_what_they_were_trained_on(monkeypatch):
    """The backbone's own normalisation changes nothing in what ImageNet weights compute."""
    torch.manual_seed(0)
    original = mobilenet_v2()
    for module in original.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
    state = original.state_dict()
    monkeypatch.setattr(
        type(MobileNet_V2_Weights.IMAGENET1K_V1), "get_state_dict", lambda *_, **__: dict(state)
    )
    backbone = create_backbone("mobilenet_v2")
    backbone.load_state_dict(backbone.imagenet_state(), strict=False)
    pixels = torch.rand(1, 3, 32, 32) * 255
    mean, std = (
        torch.tensor(x)[:, None, None] for x in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    first = original.features[0].eval()((pixels / 255 - mean) / std)
    ours = backbone.eval().features[0](
        (pixels - torch.tensor(backbone.of_pictures.mean)[:, None, None])
        / torch.tensor(backbone.of_pictures.std)[:, None, None]
    )
    # At the border zeros stand for other colours.
    assert torch.allclose(first[..., 1:-1, 1:-1], ours[..., 1:-1, 1:-1], atol=1e-4)


@pytest.mark.parametrize("basenet", BACKBONES)
def test_flow_reaches_light_backbones_as_strong_as_pictures(basenet):
    """VGG gets it as published: less the mean of pictures."""
    network = MicroTubeNetwork(
        basenet, 3, streams=(Stream(), Stream("fastOF", 5)), fusion_type="cat"
    )
    pictures, flow = network.normalisation
    if basenet == "vgg16":
        assert flow == pictures
    else:
        assert flow.mean == (128, 128, 128)
        assert np.allclose(np.array(flow.std) * 4, pictures.std)
    images = np.random.default_rng(0).integers(0, 256, (8, 8, 15)).astype(np.uint8)
    given = Detector(network, ("a",) * 3, "test").network_input(1, [images])[0]
    for first in range(0, 15, 3):
        wanted = (images[..., first : first + 3] - np.array(flow.mean)) / flow.std
        assert np.allclose(given[first : first + 3].permute(1, 2, 0), wanted, atol=1e-5)


@pytest.mark.parametrize("basenet", BACKBONES)
def test_weights_that_cannot_be_downloaded(monkeypatch, basenet):
    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", refuse)
    with pytest.raises(
        Exception, match=r"https.*cannot be downloaded \(no network\).*init_weights"
    ):
        create_backbone(basenet).imagenet_state()


@pytest.mark.parametrize("index", range(3))
def test_matching_of_single_frames(case, index):
    _, arrays = case("road_match_loss")
    boxes = torch.from_numpy(arrays[f"gt_{index}"])
    classes, offsets = match(boxes[:, None, :4], boxes[:, 4].long(), prior_boxes(*SSD300))
    assert np.array_equal(classes.numpy(), arrays[f"conf_{index}"])
    positives = classes.numpy() > 0
    wanted = arrays[f"loc_at_positives_{index}"]
    assert np.abs(offsets.numpy()[positives] - wanted).max() <= 1e-5 * np.abs(wanted).max()


def test_loss_of_single_frames(case, make_input):
    description, arrays = case("road_match_loss")
    priors = prior_boxes(*SSD300)
    targets = []
    for index in range(3):
        boxes = torch.from_numpy(arrays[f"gt_{index}"])
        targets.append(match(boxes[:, None, :4], boxes[:, 4].long(), priors))
    scores, offsets = (
        torch.from_numpy(
            make_input(**{k: v for k, v in description["predictions"][name].items() if k != "then"})
        ).float()
        for name in ("conf", "loc")
    )
    scores[..., 0] += 2.0
    scores.requires_grad_(), offsets.requires_grad_()
    classes = torch.stack([classes for classes, _ in targets])
    losses = multi_box_loss(scores, offsets, classes, torch.stack([x for _, x in targets]))
    sum(losses.values()).backward()
    for value, name in (
        (losses["loc"], "loc_loss"),
        (losses["cls"], "cls_loss"),
        (scores.grad.norm(), "grad_norm_conf"),
        (offsets.grad.norm(), "grad_norm_loc"),
    ):
        assert value.item() == pytest.approx(description[name], rel=description["tolerance"])
    mined = hard_negatives(scores, classes)
    assert mined.sum(1).tolist() == description["num_selected_negatives_per_sample"]
    sums = [int(torch.nonzero(row).sum()) for row in mined]
    assert sums == description["selected_negative_index_sums"]
