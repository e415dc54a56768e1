"""How fast detectors run and train, beside the same networks computed plainly.

Everything that is compared takes turns in one run; medians are printed. Where there is a GPU, its
figures are written to `benchmarks/results/`. The plain AMTNet is that of `plain_amtnet.py`.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from plain_amtnet import PlainAMTNet, plain_loss
from torch import Tensor, nn

import data
from data.class_filter import filter_frame, new_filter_buffers
from data.synthetic import render_video
from detection import Detector, MicroTubeNetwork
from detection.loss import multi_box_loss
from detection.postprocess import detection_rows
from detection.recipes import make_optimizer
from detection.streams import Stream
from tubes import TubeStream
from tubes.settings import LinkSettings

CLASSES = 24
NAMES = tuple(f"class {number}" for number in range(CLASSES))
SHIPPED = "amtnet-mobilenetv2-jhmdb21"
RESULTS = Path(__file__).parent / "results"
WIDTH, HEIGHT = 320, 240


def main() -> None:
    """Prints all figures."""
    threads = torch.get_num_threads()
    with _threads(1):
        _vgg_stream()
        _post_processing()
    print(f"on {threads} cores:")
    _light_detector()
    _training_on_cpu()
    if torch.cuda.is_available():
        figures = device_figures(torch.device("cuda"))
        device = torch.cuda.get_device_name()
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{device.replace(' ', '-')}.json"
        record = {"device": device, "date": date.today().isoformat(), **figures}
        path.write_text(json.dumps(record, indent=1) + "\n")
        print(f"{path}: {record}")


@torch.inference_mode()
def _vgg_stream() -> None:
    """AMTNet in a running video, and micro-tube by micro-tube."""
    network = _lively(MicroTubeNetwork("vgg16", CLASSES))
    plain = PlainAMTNet(CLASSES + 1).load(network).eval()
    detector = Detector(network, NAMES, "vgg16")
    frames = torch.randint(0, 256, (2, 1, 3, 300, 300)).float() - 120
    terms = [detector.frame_terms([frame]) for frame in frames]

    def whole() -> tuple[Tensor, Tensor]:
        found: tuple[Tensor, Tensor] = plain(frames.transpose(0, 1))
        return found

    def running() -> tuple[Tensor, Tensor]:
        terms[1] = detector.frame_terms([frames[1]])
        return detector.combine(terms)

    for ours, wanted in zip(running(), whole(), strict=True):
        difference = ((ours - wanted).abs().max() / wanted.abs().max()).item()
        assert difference <= 1e-4, difference
    seconds = _in_turns({"plain": whole, "ours": running}, rounds=5)
    plain_time, our_time = (statistics.median(times) for times in seconds.values())
    print(
        f"VGG AMTNet, one core, a frame: micro-tube by micro-tube {plain_time:.2f} s, "
        f"in a running video {our_time:.2f} s, {_ratio(seconds):.2f} times faster"
    )


def _post_processing() -> None:
    """The outputs for one frame, down to the boxes of each class that are linked."""
    random = np.random.default_rng(0)
    network = MicroTubeNetwork("vgg16", CLASSES)
    priors, settings = network.priors, LinkSettings()
    offsets = torch.from_numpy(random.normal(0, 1, (len(priors), 8)).astype(np.float32))
    buffers = new_filter_buffers(CLASSES, settings.topk, settings.keep, len(priors))
    for background in (11.1, 0.0):
        scores = torch.from_numpy(
            random.normal(0, 2, (len(priors), CLASSES + 1)).astype(np.float32)
        )
        scores[:, 0] += background
        probabilities = torch.softmax(scores, 1)[:, 1:]
        candidates = int((probabilities > settings.conf_thresh).sum()) // CLASSES

        def process(scores: Tensor = scores) -> None:
            rows = detection_rows(scores, offsets, priors, (WIDTH, HEIGHT))
            filter_frame(
                *rows,
                np.float32(settings.conf_thresh),
                np.float32(settings.nms_thresh),
                settings.keep,
                buffers,
            )

        seconds = _in_turns({"ours": process}, rounds=200)["ours"]
        print(
            f"post-processing, one core, {len(priors)} priors, {CLASSES} classes, {candidates} "
            f"candidates of a class: {1e3 * statistics.median(seconds):.2f} ms a frame"
        )


def _light_detector() -> None:
    """From a video file to tubes, with the shipped weights."""
    images, _ = render_video(0, frames=120, width=WIDTH, height=HEIGHT)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        with data.VideoWriter(path, WIDTH, HEIGHT, 25) as writer:
            for image in images:
                writer.write(image)
        backends = {"PyTorch": None, "onnxruntime": "onnx"}
        runs = {
            f"{name}, {batch_size} frame(s) at once": partial(
                _tubes, Detector.load(SHIPPED, backend=backend), path, batch_size
            )
            for name, backend in backends.items()
            for batch_size in (1, 8)
        }
        for name, seconds in _in_turns(runs, rounds=3).items():
            print(
                f"  light detector, {name}, decoding to linking of {WIDTH}x{HEIGHT}: "
                f"{len(images) / statistics.median(seconds):.0f} frames/s"
            )


def _tubes(detector: Detector, path: Path, batch_size: int) -> None:
    stream = detector.stream(batch_size)
    tubes = TubeStream(len(detector.classes), WIDTH, HEIGHT)
    with data.open_video(path) as video:
        for frame in video:
            for rows in stream.update(frame):
                tubes.update(*rows)
    for rows in stream.finish():
        tubes.update(*rows)
    tubes.finish()


def _training_on_cpu() -> None:
    """A step of each network, with the plain network's beside it."""
    cpu = torch.device("cpu")
    native = torch.cpu._is_avx512_bf16_supported()
    print(f"  this CPU has {'' if native else 'no '}bfloat16 of its own")
    for basenet, batch_size, side in (("vgg16", 2, 300), ("mobilenet_v2", 16, 192)):
        steps = {
            "plain": _training_step(basenet, batch_size, side, cpu, plain=True),
            "float32": _training_step(basenet, batch_size, side, cpu),
        }
        if native:
            steps["bfloat16"] = _training_step(basenet, batch_size, side, cpu, "bfloat16")
        seconds = _in_turns(steps, rounds=3)
        times = ", ".join(f"{name} {statistics.median(t):.2f} s" for name, t in seconds.items())
        print(f"  training step of {batch_size}, {basenet}: {times}; ratio {_ratio(seconds):.2f}")


def _training_step(
    basenet: str,
    batch_size: int,
    side: int,
    device: torch.device,
    precision: str = "float32",
    *,
    plain: bool = False,
) -> Callable[[], None]:
    """A function that does a step: forward, loss, backward, update.

    Light networks are fine-tuned, as their recipe says: the plain form has the same layers frozen,
    their normalisation not merged.
    """
    torch.manual_seed(0)
    network = MicroTubeNetwork(basenet, CLASSES, input_size=side)
    model: nn.Module = network
    frozen: list[nn.Module] = []
    if basenet != "vgg16" and plain:
        frozen = network.backbone.pretrained_layers()
        for layer in network.backbone.early_layers():
            layer.requires_grad_(False)
    elif basenet != "vgg16":
        network.start_fine_tuning()
    elif plain:
        model = PlainAMTNet(CLASSES + 1).load(network)
    network.to(device)
    model.to(device)
    if not plain:
        network.use_channels_last()
    optimizer = (
        torch.optim.SGD(model.parameters(), 1e-4, momentum=0.9, weight_decay=5e-4)
        if basenet == "vgg16" and plain
        else make_optimizer(network, 1e-4, 0.9, 5e-4)
    )
    images = torch.randn(batch_size, 2, 3, side, side, device=device)
    priors = len(network.priors)
    classes = torch.zeros(batch_size, priors, dtype=torch.long, device=device)
    classes[:, :: priors // 12] = 3
    targets = torch.randn(batch_size, priors, 8, device=device)

    def step() -> None:
        model.train()
        for layer in frozen:
            layer.eval()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=precision != "float32"):
            scores, offsets = (output.float() for output in model(images))
        if plain:
            loss = plain_loss(scores, offsets, classes, targets)
        else:
            loss = sum(multi_box_loss(scores, offsets, classes, targets).values(), 0 * scores.sum())
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


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
            seconds = _in_turns(ways, rounds, device)
            figures[f"{name}, batch {batch_size}"] = {
                f"{way} frames/s": round(batch_size / statistics.median(times), 1)
                for way, times in seconds.items()
            }
    steps = {
        "plain": _training_step(basenet, training_batch, side, device, plain=True),
        "ours": _training_step(basenet, training_batch, side, device, "bfloat16"),
    }
    figures[f"training, batch {training_batch}"] = {
        f"{way} samples/s": round(training_batch / statistics.median(times), 1)
        for way, times in _in_turns(steps, max(2, rounds // 2), device).items()
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


def _in_turns(
    ways: Mapping[str, Callable[[], object]],
    rounds: int,
    device: torch.device | None = None,
) -> dict[str, list[float]]:
    """Seconds of each way in each round; one round more, which is not counted, goes before."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, run in ways.items():
            started = time.perf_counter()
            run()
            if device is not None and device.type == "cuda":
                torch.cuda.synchronize(device)
            if number:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def _ratio(seconds: Mapping[str, list[float]]) -> float:
    """Median of the rounds' ratios of the first way to the second."""
    first, second, *_ = seconds.values()
    return statistics.median(a / b for a, b in zip(first, second, strict=True))


def _lively(network: MicroTubeNetwork) -> MicroTubeNetwork:
    """Weights that keep signals as strong as they are, so that outputs tell something."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    return network


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    yield
    torch.set_num_threads(before)


if __name__ == "__main__":
    main()
