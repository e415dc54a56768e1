"""The published AMTNet's figures: network, priors, matching, loss, decoding, post-processing."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
import torchvision

from data.class_filter import class_filter
from detection.detector import build_network
from detection.heads import LinearHead
from detection.loss import hard_negatives, multi_box_loss
from detection.matching import decode, match
from detection.postprocess import detection_rows
from detection.priors import prior_boxes
from weights import load_checkpoint

SSD300 = ([38, 19, 10, 5, 3, 1], [8, 16, 32, 64, None, None])


def test_priors(case):
    description, arrays = case("priors")
    priors = prior_boxes(*SSD300).numpy()
    assert np.abs(priors - arrays["priors_sl1"]).max() <= description["tolerance"]
    expected = description["seq_len_1"]["sha256_of_little_endian_c_order_bytes"]
    assert hashlib.sha256(priors.astype("<f4").tobytes()).hexdigest() == expected


def _matched(arrays, index):
    boxes = torch.from_numpy(arrays[f"gt_boxes_{index}"]).view(-1, 2, 4)
    labels = torch.from_numpy(arrays[f"gt_labels_{index}"]).long()[::2]
    return match(boxes, labels, prior_boxes(*SSD300))


@pytest.mark.parametrize("index", range(7))
def test_matching_and_encoding(case, index):
    description, arrays = case("matching_encode")
    classes, offsets = _matched(arrays, index)
    assert np.array_equal(classes.numpy(), arrays[f"conf_{index}"])
    for rows, wanted in (
        (arrays[f"positive_index_{index}"], arrays[f"loc_at_positives_{index}"]),
        (np.arange(0, 8732, 97), arrays[f"loc_every_97th_{index}"]),
    ):
        error = np.abs(offsets.numpy()[rows] - wanted).max() / np.abs(wanted).max()
        assert error <= description["tolerance"]


def test_loss(case, make_input):
    description, _ = case("multibox_loss")
    _, arrays = case("matching_encode")
    inputs = description["predictions"]
    scores, offsets = (
        torch.from_numpy(make_input(**{k: v for k, v in inputs[name].items() if k != "then"}))
        for name in ("conf", "loc")
    )
    scores[..., 0] += 2.0
    targets = [_matched(arrays, index) for index in description["targets"]["sets"]]
    classes = torch.stack([classes for classes, _ in targets])
    target_offsets = torch.stack([offsets for _, offsets in targets]).double()
    scores.requires_grad_(), offsets.requires_grad_()
    losses = multi_box_loss(scores, offsets, classes, target_offsets)
    sum(losses.values()).backward()
    for value, name in (
        (losses["loc"], "loc_loss"),
        (losses["cls"], "cls_loss"),
        (scores.grad.norm(), "grad_norm_conf"),
        (offsets.grad.norm(), "grad_norm_loc"),
        (scores.grad.abs().sum(), "grad_abs_sum_conf"),
        (offsets.grad.abs().sum(), "grad_abs_sum_loc"),
    ):
        assert value.item() == pytest.approx(description[name], rel=description["tolerance"])
    mined = hard_negatives(scores, classes)
    assert mined.sum(1).tolist() == description["num_selected_negatives_per_sample"]
    sums = [int(torch.nonzero(row).sum()) for row in mined]
    assert sums == description["selected_negative_index_sums"]


def test_decode(case, make_input):
    description, arrays = case("decode")
    given = {k: v for k, v in description["input"].items() if k != "meaning"}
    boxes = decode(torch.from_numpy(make_input(**given)), prior_boxes(*SSD300).double())
    assert np.abs(boxes.numpy()[::11] - arrays["boxes_every_11th"]).max() <= 1e-6
    assert boxes.abs().max().item() == pytest.approx(description["outputs"]["boxes"]["absmax"])


def test_postprocess(case, make_input):
    """The rows kept of the priors lose nothing that the published filter would keep."""
    description, arrays = case("postprocess")
    settings = description["settings"]
    given = {
        name: {k: v for k, v in entry.items() if k not in ("then", "meaning")}
        for name, entry in description["input"].items()
    }
    scores = make_input(**given["conf"]).astype(np.float32)
    rows = np.arange(0, 8732, 3)
    scores[0, rows, 1 + rows // 256 % 24] += 3.0
    scores[..., [6, 10]] -= 10
    scores[0, 4000, 6] += 18
    offsets = make_input(**given["loc"]).astype(np.float32)
    boxes, probabilities = detection_rows(
        torch.from_numpy(scores[0]),
        torch.from_numpy(offsets[0]),
        prior_boxes(*SSD300),
        (300, 300),
        conf_thresh=settings["conf_thresh"],
        topk=settings["topk"],
    )
    found = []
    for label in range(24):
        kept = class_filter(
            boxes,
            np.ascontiguousarray(probabilities[:, label]),
            settings["conf_thresh"],
            settings["topk"],
            settings["nms_thresh"],
            settings["topk"],
        )
        found += [[label, *boxes[row].clip(0, 300), probabilities[row, label]] for row in kept]
    wanted = arrays["detections"]
    assert len(found) == description["total"]
    assert np.array_equal(np.array(found)[:, 0], wanted[:, 0])
    assert np.abs(np.array(found) - wanted).max() <= description["tolerance"]


def test_published_linear_head_is_our_convolution():
    """FACTS of AMTNet: gather, divide by 9 and apply a linear layer, against the convolution."""
    torch.manual_seed(0)
    channels, frames, sizes = 3, 2, (8, 5)
    head = LinearHead(channels, frames, sizes).double()
    torch.nn.init.normal_(head.bias)
    features = torch.rand(frames, channels, 4, 4, dtype=torch.float64)
    linear = head.weight.permute(1, 0, 3, 4, 2).reshape(sum(sizes), -1)
    padded = torch.nn.functional.pad(features / 9, (1, 1, 1, 1), mode="replicate")
    taps = [padded[:, :, y : y + 4, x : x + 4] for y in range(3) for x in range(3)]
    gathered = torch.stack(taps, 1).permute(3, 4, 0, 1, 2).reshape(16, -1)
    wanted = gathered @ linear.T + head.bias
    terms = sum(head.term(features[place, None], place) for place in range(frames))
    ours = head.combine(terms, None)[0][0].permute(1, 2, 0).reshape(16, -1)
    assert torch.allclose(ours, wanted, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["module.", ""])
def test_network(case, make_input, fill_state, tmp_path, prefix):
    """A checkpoint with the published keys gives the published outputs."""
    description, arrays = case("amtnet_rgb_none_sl2")
    state = fill_state(description["manifest"], description["gain"], description["seed"])
    published = {
        prefix + key.removeprefix("module."): torch.from_numpy(value)
        for key, value in state.items()
    }
    torch.save(published, tmp_path / "AMTNet_70000.pth")
    network = build_network(load_checkpoint(tmp_path / "AMTNet_70000.pth"))
    entry = description["inputs"][0]
    images = torch.from_numpy(
        make_input(
            **{k: entry[k] for k in ("name", "shape", "low", "high")},
            seed=entry.get("seed", description["seed"]),
        )
    )
    for dtype, tolerance in (
        (torch.float64, description["tolerance"]),
        (torch.float32, description["tolerance_float32"]),
    ):
        network = network.to(dtype)
        if dtype == torch.float64:
            network.load_state_dict(load_checkpoint(tmp_path / "AMTNet_70000.pth").state)
        with torch.inference_mode():
            scores, offsets = network(images.to(dtype))
        for ours, wanted in ((scores, arrays["conf_rows"]), (offsets, arrays["loc_rows"])):
            error = np.abs(ours.numpy()[:, arrays["rows"]] - wanted).max() / np.abs(wanted).max()
            assert error <= tolerance


def test_published_network_has_the_published_size():
    from detection.network import MicroTubeNetwork

    parameters = MicroTubeNetwork("vgg16", 24).parameters()
    assert sum(parameter.numel() for parameter in parameters) == 31_764_638


@pytest.mark.parametrize("threshold", [0.3, 0.45])
def test_class_filter_agrees_with_torchvision(threshold):
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 200, (300, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(5, 90, (300, 2))], 1).astype(np.float32)
    scores = rng.permutation(np.linspace(0.01, 0.99, 300)).astype(np.float32)
    ours = class_filter(boxes, scores, 0.0, 300, threshold, 300)
    wanted = torchvision.ops.nms(torch.from_numpy(boxes), torch.from_numpy(scores), threshold)
    assert ours.tolist() == wanted.tolist()
