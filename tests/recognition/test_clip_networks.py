"""The published 3D networks: outputs, sizes, and what does not go together."""

from __future__ import annotations

import pytest
import torch

import data
from recognition.backbones.mtnet import MTBlock, MTConv, _Recurrence, similar_frames
from recognition.backbones.resnet3d import BOTTLENECKS, ResidualBlock, ResNet3DSettings
from recognition.clip_models import BACKBONES_3D, ClipSettings, build_clip_model
from recognition.heads.bert import VISIBLE, Bert
from recognition.heads.late_temporal import BertHead, ConcatenationHead, LstmHead, PooledHead
from recognition.models import create_model
from recognition.published_clips import LATE_TEMPORAL_MODELS
from recognition.squeeze_recursion import SqueezeRecursion, time_consistent
from tests.recognition.clip_networks import (
    input_of,
    load,
    load_published,
    needs_all_cases,
    state_of,
)
from tests.recognition.networks import error
from tests.reference_cases import read_case

# Numbers of parameters with 51 classes, of late temporal modelling.
PARAMETERS = {
    "rgb_resneXt3D64f101": 47_625_715,
    "flow_resneXt3D64f101": 47_603_763,
    "rgb_I3D64f": 12_339_539,
    "flow_I3D64f": 12_317_587,
    "rgb_slowfast64f_50": 33_762_043,
    "rgb_r2plus1d_32f_34": 63_518_138,
    "rgb_resneXt3D64f101_bert10_FRAB": 52_465_139,
    "flow_resneXt3D64f101_bert10_FRAB": 52_443_187,
    "rgb_resneXt3D64f101_bert10_FRMB": 47_377_907,
    "flow_resneXt3D64f101_bert10_FRMB": 47_355_955,
    "rgb_resneXt3D64f101_adamw": 47_625_715,
    "rgb_resneXt3D64f101_FRMB_adamw": 44_222_451,
    "rgb_resneXt3D64f101_FRMB_lstm": 47_578_089,
    "rgb_resneXt3D64f101_concatenation": 47_451_339,
    "rgb_resneXt3D64f101_FRMB_NLB_concatenation": 47_347_987,
    "rgb_I3D64f_bert2": 24_946_003,
    "flow_I3D64f_bert2": 24_924_051,
    "rgb_I3D64f_bert2_FRMB": 13_539_427,
    "flow_I3D64f_bert2_FRMB": 13_517_475,
    "rgb_I3D64f_bert2_FRAB": 16_396_355,
    "flow_I3D64f_bert2_FRAB": 16_374_403,
    "rgb_slowfast64f_50_bert10_FRAB_late": 42_038_155,
    "rgb_slowfast64f_50_bert10_FRMB_late": 35_478_411,
    "rgb_slowfast64f_50_bert10_FRAB_early": 43_174_283,
    "rgb_slowfast64f_50_bert10_FRMB_early": 36_511_371,
    "rgb_r2plus1d_32f_34_bert10": 66_673_594,
    "rgb_r2plus1d_64f_34_bert10": 66_675_642,
}
# Published SlowFast networks with BERT keep a linear layer of Kinetics that nothing uses.
UNUSED = 400 * 2304 + 400
# The same with 400 classes, of SRTG and MTNet.
RECURSIVE = {
    "r3d_18": 44_543_312,
    "r3d_34": 83_861_072,
    "r3d_50": 56_904_656,
    "r3d_101": 107_135_440,
    "r3d_152": 148_507_600,
    "r3d_200": 160_349_136,
    "r2plus1d_18": 42_677_165,
    "r2plus1d_34": 82_011_629,
    "r2plus1d_50": 55_043_255,
    "r2plus1d_101": 105_293_623,
    "r2plus1d_152": 146_683_063,
    "r2plus1d_200": 158_533_815,
    "mtnet_xs": 21_835_664,
    "mtnet_s": 39_981_968,
    "mtnet_m": 44_038_288,
    "mtnet_l": 88_132_752,
    "mtnet_xl": 124_450_960,
    "mtnet_xxl": 134_846_608,
    "mtnet_xs_g8": 7_433_500,
    "mtnet_s_g8": 12_204_988,
    "mtnet_m_g8": 13_274_842,
    "mtnet_l_g8": 24_883_258,
}


def _parameters(settings):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in build_clip_model(settings).parameters())


@pytest.mark.parametrize("name", PARAMETERS)
def test_sizes_of_late_temporal_networks(name):
    unused = UNUSED if "slowfast" in name and "bert" in name else 0
    settings = ClipSettings(**LATE_TEMPORAL_MODELS[name], classes=51)
    assert _parameters(settings) == PARAMETERS[name] - unused


def test_all_published_names_are_there():
    assert set(LATE_TEMPORAL_MODELS) == set(PARAMETERS)


@pytest.mark.parametrize("name", RECURSIVE)
def test_sizes_of_recursive_networks(name):
    recursion = None if name.startswith("mtnet") else "off"
    assert _parameters(ClipSettings(name, 400, 16, recursion=recursion)) == RECURSIVE[name]


@pytest.mark.parametrize(
    "name",
    [
        "bert5_512_len4",
        *(
            pytest.param(name, marks=needs_all_cases)
            for name in ("bert5_512_len8", "bert5_256_len32", "bert2_1024_len8")
        ),
    ],
)
def test_bert(name):
    description, arrays = read_case("recognition_bert", name)
    made = description["constructor"]
    state = {k.removeprefix("bert."): v for k, v in state_of(description).items()}
    bert = load(Bert(made["hidden"], made["max_len"]), state)
    vectors = input_of(description["input"])
    visible = torch.tensor(description["mask"]["keep_with_cls"]).bool()
    with torch.no_grad():
        assert error(bert(vectors), arrays["output"]) <= description["tolerance"]
        assert error(bert(vectors, visible), arrays["masked_output"]) <= description["tolerance"]


def test_bert_hides_steps_in_training():
    """The class token, which is always seen, depends on some steps and not on others."""
    torch.manual_seed(0)
    bert = Bert(16, 5)
    for module in bert.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    vectors = torch.randn(400, 5, 16, requires_grad=True)
    bert.train()(vectors)[:, 0].sum().backward()
    seen = (vectors.grad.abs().sum(2) > 0).float().mean()
    assert abs(float(seen) - VISIBLE) < 0.03


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        *("resnext101_rgb_bert10_frmb", "i3d_rgb_bert2", "slowfast50_rgb_fc"),
        "r2plus1d34_32f_rgb_bert10",
        *(
            pytest.param(name, marks=needs_all_cases)
            for name in (
                *("resnext101_rgb_fc", "resnext101_rgb_bert10_frab", "resnext101_rgb_frmb_lstm"),
                *("resnext101_rgb_concatenation", "resnext101_rgb_frmb_nlb_concatenation"),
                *("i3d_rgb_fc", "r2plus1d34_32f_rgb_fc"),
            )
        ),
    ],
)
def test_scores_of_late_temporal_networks(name):
    description, arrays = read_case("recognition_bert", name)
    settings = LATE_TEMPORAL_MODELS[description["constructor"]["arch"]]
    model = load_published(build_clip_model(ClipSettings(**settings, classes=51)), description)
    clips = input_of(description["input"])
    with torch.no_grad():
        scores = model(clips.transpose(1, 2).flatten(1, 2))
    assert error(scores, arrays["logits"]) <= description["tolerance"]


@pytest.mark.parametrize("name", ["srtg_r3d_34", "srtg_r3d_50", "srtg_r2plus1d_50", "mtnet_s"])
def test_scores_of_recursive_networks(name):
    description, arrays = read_case("recognition_srtg", name)
    recursion = "off" if name.startswith("srtg") else None
    classes = description["constructor"]["num_classes"]
    settings = ClipSettings(name.removeprefix("srtg_"), classes, 16, recursion=recursion)
    model = load_published(build_clip_model(settings), description)
    with torch.no_grad():
        scores = model(input_of(description["input"]).transpose(1, 2).flatten(1, 2))
    assert error(scores, arrays["logits"]) <= description["tolerance"]


def _block(row, **settings):
    bottleneck = "bottleneck" in row["name"]
    kind = "2plus1d" if "2p1" in row["name"] else "3d"
    depth = min(BOTTLENECKS) if bottleneck else 18
    made = ResNet3DSettings(depth, kind, recursion="off", **settings)
    return ResidualBlock(row["inplanes"], row["planes"], row["stride"], made)


def test_places_of_recursion():
    description, arrays = read_case("recognition_srtg", "srtg_placements")
    tested = 0
    for row in description["cases"]:
        effective = row["place"] not in ("bottom", "res") and not (
            row["block"] == "bottleneck" and row["place"] == "skip"
        )
        if "outputs" not in row or not effective:
            continue
        block = load(
            _block(row, place=row["place"]), state_of({**description, "manifest": row["manifest"]})
        )
        shape = [2, row["inplanes"], 5, 6, 7]
        maps = input_of({"name": "place_x", "shape": shape, "low": -1.0, "high": 1.0})
        with torch.no_grad():
            assert error(block(maps), arrays[row["name"]]) <= description["tolerance"], row["name"]
        tested += 1
    assert tested == 16


def test_places_without_effect_are_refused():
    for depth, place in ((18, "start"), (18, "end"), (50, "skip"), (50, "res")):
        with pytest.raises(ValueError, match="no recursion at the place"):
            ResidualBlock(8, 8, 1, ResNet3DSettings(depth, recursion="off", place=place))


def test_blocks_with_recursion():
    description, arrays = read_case("recognition_srtg", "srtg_block")
    recursion = load(SqueezeRecursion(16), state_of(description))
    with torch.no_grad():
        for row in description["cases"]:
            found = recursion(input_of(row["input"]))
            assert error(found, arrays[row["name"]]) <= description["tolerance"]
        for row in description["residual_blocks"]:
            block = load(_block(row), state_of({**description, "manifest": row["manifest"]}))
            found = block(input_of(row["input"]))
            assert error(found, arrays[row["name"]]) <= description["tolerance"], row["name"]


def test_the_gate_that_the_paper_means():
    description, arrays = read_case("recognition_srtg", "temporal_gate")
    first, second = (torch.from_numpy(arrays[name]) for name in ("e1", "e2"))
    is_open = time_consistent(first, second) | time_consistent(second, first)
    assert is_open.nonzero().flatten().tolist() == description["stable_nearest_neighbour_open"]
    row = description["block"]
    maps = input_of(row["input"])
    for gate in ("cyclic", "published"):
        block = load(SqueezeRecursion(row["planes"], gate), state_of(row))
        with torch.no_grad():
            found = block(maps)
        if gate == "published":
            assert torch.equal(found, maps)
        else:
            assert error(found, arrays["block_out_standalone_gate"]) <= 1e-12


def test_only_open_clips_train_the_recursion():
    torch.manual_seed(0)
    maps = torch.randn(4, 6, 3, 2, 2)
    for gate, trained in (("off", True), ("published", False)):
        block = SqueezeRecursion(6, gate)
        (block(maps) * 1.0).sum().requires_grad_().backward()
        assert (block.lstm.weight_ih_l0.grad is not None) == trained


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backbone": "r3d_35"}, "backbone r3d_35: take one of"),
        ({"head": "max"}, "head max: take one of"),
        ({"reduction": "half"}, "reduction half: take one of"),
        ({"modality": "RGBDiff"}, "take RGB or Flow"),
        ({"modality": "Flow"}, "r3d_18 is for RGB"),
        ({"frames": 0}, "frames 0: must be positive"),
        ({"classes": 0}, "classes 0: must be positive"),
        ({"head": "paired"}, "is that of I3D"),
        ({"head": "bert10_late"}, "are of two paths"),
        ({"backbone": "slowfast50", "frames": 64, "head": "bert10"}, "are of two paths"),
        ({"reduction": "FRMB"}, "is known of resneXt3D101, I3D, slowfast50"),
        ({"backbone": "mtnet_s", "recursion": "off"}, "take a 3D ResNet"),
    ],
)
def test_settings_that_do_not_go_together(settings, message):
    with pytest.raises(data.InputError, match=message):
        build_clip_model(
            ClipSettings(**{"backbone": "r3d_18", "classes": 3, "frames": 16, **settings})
        )


@pytest.mark.parametrize("backbone", ["r3d_18", "r2plus1d_18", "mtnet_xs_g8", "I3D", "slowfast50"])
def test_networks_learn(backbone):
    frames = 2 * max(BACKBONES_3D[backbone].strides)
    recursion = "cyclic" if backbone.startswith("r") else None
    model = build_clip_model(ClipSettings(backbone, 3, frames, recursion=recursion))
    scores = model(torch.randn(2, 3 * frames, 48, 48))
    torch.nn.functional.cross_entropy(scores, torch.tensor([0, 2])).backward()
    assert model.fc_action.weight.grad.abs().sum() > 0
    first = next(iter(model.features.parameters()))
    assert first.grad is not None and first.grad.isfinite().all()


@pytest.mark.parametrize(
    ("head", "knows_order"),
    [
        (PooledHead([16], dropout=0.5), False),
        (BertHead(16, 5, dropout=0.5), True),
        (BertHead(16, 5, dropout=0.5, normalised=True), True),
        (LstmHead(16, dropout=0.5), True),
        (ConcatenationHead(16, 5, 8, dropout=0.5, non_local=False), True),
    ],
)
def test_which_heads_know_the_order_of_steps(head, knows_order):
    maps = torch.randn(3, 16, 5, 2, 2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        forwards, backwards = (head.eval()(seen) for seen in (maps, maps.flip(2)))
    assert torch.allclose(forwards, backwards, atol=1e-6) != knows_order


@pytest.mark.parametrize(
    ("name", "settings", "frames"),
    [
        ("r3d_18", {"head": "bert10"}, 20),
        ("r3d_18", {"head": "concatenation"}, 17),
        ("rgb_I3D64f", {"head": "bert2"}, 12),
        ("rgb_I3D64f", {"head": "paired"}, 8),
        ("rgb_slowfast64f_50_bert10_FRMB_late", {}, 20),
        ("r3d_18", {}, 5),
    ],
)
def test_clips_of_any_length(name, settings, frames):
    model = create_model(name, 3, frames=frames, **settings).eval()
    with torch.inference_mode():
        assert model(torch.randn(1, 3 * frames, 64, 64)).isfinite().all()


def test_recursion_that_is_never_used_has_no_gradients():
    used, unused = (SqueezeRecursion(4, gate) for gate in ("cyclic", "published"))
    assert all(parameter.requires_grad for parameter in used.parameters())
    assert not any(parameter.requires_grad for parameter in unused.parameters())


def test_how_classifiers_of_3d_networks_start():
    deviations = {
        name: float(create_model(name, 51).fc_action.weight.detach().std())
        for name in ("r3d_18", "rgb_r2plus1d_32f_34")
    }
    xavier = (2 / (512 + 51)) ** 0.5
    assert deviations == pytest.approx({"r3d_18": 0.01, "rgb_r2plus1d_32f_34": xavier}, rel=0.05)


@needs_all_cases
def test_parts_of_mtnet():
    description, arrays = read_case("recognition_srtg", "mtconv_block")

    def same(module, row):
        streams = tuple(input_of(described) for described in row["inputs"])
        module = load(module, state_of({**description, "manifest": row["manifest"]}))
        with torch.no_grad():
            short, long = module(streams)
        name = row["name"]
        assert error(short[:, ::4], arrays[f"{name}_short"]) <= description["tolerance"], name
        assert error(long, arrays[f"{name}_long"]) <= description["tolerance"], name

    for row in description["mtconv"]:
        made = dict(row["constructor"])
        sizes = made.pop("in_planes"), made.pop("out_planes"), made.pop("kernel_size")
        lateral = not made.pop("no_lateral", False)
        same(MTConv(*sizes, lateral=lateral, **made), row)
    for row in description["mtblock"]:
        made = row["constructor"]
        sizes = [made[name] for name in ("inplanes", "planes", "stride", "groups")]
        same(MTBlock(*sizes), row)
    for row in description["temporal_cossim_pool"]:
        maps = input_of(row["input"])
        chosen = zip(maps, row["selected_frames"], strict=True)
        expected = torch.stack([clip[:, frames] for clip, frames in chosen])
        assert torch.equal(similar_frames(maps), expected)


def test_the_recurrence_of_mtnet():
    description, arrays = read_case("recognition_srtg", "srtg_block")
    row = description["gru"]
    part = load(_Recurrence(row["constructor"]["planes"]), state_of({**description, **row}))
    with torch.no_grad():
        found = part(input_of(row["input"]))
    assert error(found, arrays["gru_map"]) <= description["tolerance"]
