"""Exports a detector as an ONNX model: `python detection/export.py --weights NAME|FILE`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

import data
from detection.detector import ONNX_SUFFIX, Detector, build_network
from detection.network import MicroTubeNetwork
from detection.onnx_model import make_onnx_model
from detection.onnx_network import OnnxNetwork
from weights import load_checkpoint, resolve_weights

LARGEST_DIFFERENCE = 1e-4
_BATCH = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns 1 if the model does not compute what PyTorch does.

    Raises:
        InputError: an option or the weights are not usable, or a package is missing.
    """
    options = _parse_options(argv)
    weights = resolve_weights(options.weights)
    output: Path = options.output or options.save_root / "export" / f"{weights.stem}{ONNX_SUFFIX}"
    if output.suffix != ONNX_SUFFIX:
        raise data.InputError(f"--output {output}: must end in {ONNX_SUFFIX}; name it so")
    if weights.suffix == ONNX_SUFFIX:
        raise data.InputError(f"--weights {weights}: is an ONNX model already; name a checkpoint")
    if output.exists() and not options.overwrite:
        raise data.InputError(
            f"{output}: is already there; add --overwrite to replace it, or name another --output"
        )
    checkpoint = load_checkpoint(weights)
    network = build_network(checkpoint).eval()
    model = make_onnx_model(network, checkpoint.metadata)
    difference = greatest_difference(network, OnnxNetwork(model, output), options.seed)
    verdict = f"greatest difference from PyTorch {difference:.1e} of the largest value"
    if not difference <= LARGEST_DIFFERENCE:
        print(f"{verdict}, more than {LARGEST_DIFFERENCE:g}: nothing was written")
        return 1
    with data.atomic_write(output) as file:
        file.write(model.SerializeToString())
    print(f"{verdict}; model: {output}")
    print(f"use it: python detection/detect.py VIDEO --weights {output}")
    return 0


@torch.inference_mode()
def greatest_difference(network: MicroTubeNetwork, exported: OnnxNetwork, seed: int) -> float:
    """How far the scores and offsets of an exported network are from those of PyTorch.

    Args:
        network: as it was exported.
        exported: the same in onnxruntime.
        seed: of the images, of random colours.

    Returns:
        The greatest difference, as a part of the greatest absolute value of the same output.
    """
    random = torch.Generator().manual_seed(seed)
    side = network.input_size
    # With several micro-tubes at a time it is seen that their number was left open.
    shape = (_BATCH * network.seq_len, side, side)
    detector = Detector(network, ("",) * network.num_classes, "")
    inputs = [
        detector.network_input(
            index,
            torch.randint(
                256, (*shape, 3 * stream.images), generator=random, dtype=torch.uint8
            ).numpy(),  # type: ignore[arg-type]
        )
        for index, stream in enumerate(network.streams)
    ]
    outputs = []
    for each in (network, exported):
        places = [
            each.frame_terms(*[images[place :: network.seq_len] for images in inputs])
            for place in range(network.seq_len)
        ]
        outputs.append(each.combine(places))
    return max(
        float((ours - theirs).abs().max() / theirs.abs().max())
        for theirs, ours in zip(*outputs, strict=True)
    )


def _parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = data.CommandParser(
        prog="python detection/export.py",
        description="Write a detector as an ONNX model that describes itself, and compare it with "
        "PyTorch. Prior boxes and non-maximum suppression are not part of it; detection/"
        "onnx_model.py tells its inputs and outputs. Needs the packages onnx and onnxruntime.",
        epilog="example: python detection/export.py --weights amtnet-mobilenetv2-jhmdb21",
    )
    parser.add_argument(
        "--weights", required=True, metavar="NAME|FILE", help="registered name or checkpoint"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar=f"FILE{ONNX_SUFFIX}",
        help=f"default: SAVE_ROOT/export/<name of the weights>{ONNX_SUFFIX}",
    )
    data.common_options(parser)
    return parser.parse_args(argv)


if __name__ == "__main__":
    data.run_command(main)
