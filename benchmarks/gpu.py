"""How fast detectors run and train on a GPU, beside the same networks computed plainly.

The figures are written to `benchmarks/results/`, with the device and the date.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from training_step import CLASSES, training_step
from turns import in_turns

from detection import Detector, MicroTubeNetwork
from detection.streams import Stream

NAMES = tuple(f"class {number}" for number in range(CLASSES))
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Prints and writes all figures."""
    if not torch.cuda.is_available():
        print("no GPU that PyTorch can use: nothing is measured")
        return
    figures = device_figures(torch.device("cuda"))
    device = torch.cuda.get_device_name()
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{device.replace(' ', '-')}.json"
    record = {"device": device, "date": date.today().isoformat(), **figures}
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(f"{path}: {record}")


def device_figures(
    device: torch.device,
    basenet: str = "vgg16",
    side: int = 300,
    *,
    training_batch: int = 8,
    rounds: int = 20,
) -> dict[str, Any]:
    """Frames and training samples a second on a GPU.

    Ours computes the features of each frame once, in bfloat16, channels last, as a CUDA graph; the
    plain network computes micro-tubes whole, in eager float32.

    Args:
        device: a CUDA device; others do the same without a graph.
        basenet: the backbone.
        side: of the input, pixels.
        training_batch: micro-tubes in a training step.
        rounds: of which medians are taken.
    """
    figures: dict[str, Any] = {}
    for name, streams, fusion in (
        ("rgb", (Stream(),), "none"),
        ("rgb+flow", (Stream(), Stream("fastOF")), "sum"),
    ):
        for batch_size in (1, 8):
            torch.manual_seed(0)
            network = MicroTubeNetwork(basenet, CLASSES, 2, side, streams, fusion)
            plain = MicroTubeNetwork(basenet, CLASSES, 2, side, streams, fusion)
            plain.load_state_dict(network.state_dict())
            plain.to(device).eval()
            detector = Detector(network, NAMES, basenet, device=device, precision="bfloat16")
            frames = [torch.randn(batch_size, 3, side, side, device=device) for _ in streams]
            micro_tubes = [torch.stack([x, x], 1) for x in frames]

            def whole(
                plain: MicroTubeNetwork = plain, inputs: list[Tensor] = micro_tubes
            ) -> object:
                with torch.inference_mode():
                    return plain(*inputs)

            def running(detector: Detector = detector, inputs: list[Tensor] = frames) -> object:
                with torch.inference_mode():
                    terms = detector.frame_terms(inputs)
                    return detector.combine([terms, terms])

            ways = {"plain": whole, "ours": _graphed(running, device)}
            seconds = in_turns(ways, rounds, device)
            figures[f"{name}, batch {batch_size}"] = {
                f"{way} frames/s": round(batch_size / statistics.median(times), 1)
                for way, times in seconds.items()
            }
    steps = {
        "plain": training_step(basenet, training_batch, side, device, Stream(), plain=True),
        "ours": training_step(
            basenet, training_batch, side, device, Stream(), precision="bfloat16"
        ),
    }
    figures[f"training, batch {training_batch}"] = {
        f"{way} samples/s": round(training_batch / statistics.median(times), 1)
        for way, times in in_turns(steps, max(2, rounds // 2), device).items()
    }
    return figures


def _graphed(function: Callable[[], object], device: torch.device) -> Callable[[], object]:
    """The function as a CUDA graph, where there is CUDA."""
    if device.type != "cuda":
        return function
    warming = torch.cuda.Stream()
    warming.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(warming):
        for _ in range(3):
            function()
    torch.cuda.current_stream().wait_stream(warming)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        function()
    return graph.replay


if __name__ == "__main__":
    main()
