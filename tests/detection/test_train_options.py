"""The options of training: the published ones by their names, with their defaults."""

from __future__ import annotations

import pytest
import torch

from data import InputError
from detection.network import MicroTubeNetwork
from detection.recipes import make_optimizer, make_schedule
from detection.streams import Stream
from detection.train_options import FREE, parse_options, run_folder, streams_of
from training.options import fixed_options


@pytest.mark.parametrize(
    ("arguments", "streams", "fusion_type"),
    [
        ("", [Stream()], "none"),
        ("--fusion_type=NONE --input_type_base=rgb", [Stream()], "none"),
        ("--input_type_base brox --input_frames_base 5", [Stream("brox", 5)], "none"),
        ("--fusion_type=SUM", [Stream(), Stream("brox", 5)], "sum"),
        ("--input_type_extra fastOF", [Stream(), Stream("fastOF", 5)], "cat"),
        (
            "--fusion_type mean --input_type_extra fastOF --input_frames_extra 1",
            [Stream(), Stream("fastOF", 1)],
            "mean",
        ),
    ],
)
def test_streams(arguments, streams, fusion_type):
    options = parse_options(arguments.split())
    assert streams_of(options) == streams
    assert options.fusion_type == fusion_type


def test_published_defaults():
    """FACTS of AMTNet's and ROAD's training scripts, section 12."""
    amtnet = parse_options(["--basenet=vgg16", "--dataset=ucf24"])
    assert (amtnet.batch_size, amtnet.max_iter, amtnet.lr) == (4, 40_000, 5e-4)
    assert (amtnet.stepvalues, amtnet.gamma) == ((10_000, 30_000), 0.1)
    assert (amtnet.momentum, amtnet.weight_decay, amtnet.seed) == (0.9, 1e-4, 123)
    assert (amtnet.conf_thresh, amtnet.nms_thresh, amtnet.topk) == (0.01, 0.45, 50)
    assert (amtnet.seq_len, amtnet.seq_gap, amtnet.vis_port, amtnet.visdom) == (2, 0, 8095, False)
    road = parse_options(["--basenet=vgg16", "--dataset=ucf24", "--seq_len=1"])
    assert (road.batch_size, road.max_iter, road.lr) == (32, 120_000, 1e-3)
    assert (road.stepvalues, road.weight_decay) == ((30_000, 60_000, 100_000), 5e-4)


def test_a_published_command():
    options = parse_options(
        [
            "--basenet=vgg16",
            "--fusion_type=sum",
            "--input_type_base=rgb",
            "--input_type_extra=brox",
            "--input_frames_extra=5",
            "--stepvalues=50000",
            "--max_iter=70000",
            "--lr=0.0005",
            "--batch_size=8",
            "--visdom=true",
            "--vis_port=8097",
            "--man_seed=7",
            "--data_root=/data/",
            "--save_root=/cache/",
            "--dataset=ucf24",
            "--num_workers=4",
            "--val_step=10000",
            "--train_split=1",
        ]
    )
    assert options.stepvalues == (50_000,) and options.seed == 7 and options.visdom is True
    folder = run_folder(options, "ucf24")
    assert folder.name == "AMTNet-ucf24-s1-sum-rgb-brox-vgg16-sl02sg00-bs08-lr00050"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--fusion_type=none --input_type_extra=brox", "has no second stream"),
        ("--fusion_type=product", "invalid choice: 'product'"),
        ("--input_type_base=depth", "invalid choice: 'depth'"),
        ("--batch_size=6 --accumulate=4", "cannot be divided into 4 equal parts"),
        ("--momentum=1", "--momentum and --ema"),
        ("--stepvalues=10,x", "whole number of at least 1, not 'x'"),
        ("--ema=1.5", "--momentum and --ema"),
        ("--lr=nan", "--lr must be a positive number"),
        ("--lr=inf", "--lr must be a positive number"),
        ("--weight_decay=nan", "--weight_decay one of at least 0"),
        ("--monitor=paper", "'paper' is unknown"),
    ],
)
def test_wrong_options(arguments, message):
    with pytest.raises(InputError, match=message):
        parse_options(arguments.split())


def test_what_may_change_when_a_run_is_resumed():
    fixed = fixed_options(parse_options(["--monitor=visdom", "--num_workers=7", "--compile"]), FREE)
    assert not {"monitor", "visdom", "vis_port", "num_workers", "save_root"} & fixed.keys()
    assert {"lr", "seed", "fusion_type", "precision", "accumulate", "stepvalues"} <= fixed.keys()


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        ({"warm_up": 0, "stepvalues": (2, 4), "gamma": 0.1}, [1, 1, 0.1, 0.1, 0.01, 0.01]),
        ({"warm_up": 4, "stepvalues": (5,), "gamma": 0.5}, [0.25, 0.5, 0.75, 1, 1, 0.5]),
        ({"warm_up": 0, "stepvalues": (), "gamma": 0.1}, [1, 1, 1, 1, 1, 5 / 9]),
    ],
)
def test_learning_rates(schedule, wanted):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    stepped = make_schedule(optimizer, max_iter=6, **schedule)
    rates = []
    for _ in wanted:
        rates.append(stepped.get_last_lr()[0])
        optimizer.step()
        stepped.step()
    assert rates == pytest.approx(wanted)


def test_parameter_groups_of_two_streams():
    network = MicroTubeNetwork(
        "vgg16", 24, streams=(Stream(), Stream("brox", 5)), fusion_type="sum"
    )
    optimizer = make_optimizer(network, 5e-4, 0.9, 1e-4)
    groups = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    for backbone in network.backbones():
        assert groups[id(backbone.vgg[0].weight)]["lr"] == pytest.approx(2.5e-4)
        assert groups[id(backbone.vgg[0].bias)]["lr"] == pytest.approx(5e-4)
        assert groups[id(backbone.vgg[0].bias)]["weight_decay"] == 0
