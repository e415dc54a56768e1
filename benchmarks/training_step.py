"""How fast detectors train on a CPU, beside the same networks trained plainly.

The plain AMTNet is that of `plain_amtnet.py`. What is compared takes turns; medians are printed.
"""

from __future__ import annotations

import multiprocessing
import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing.connection import Connection

import torch
from plain_amtnet import PlainAMTNet, plain_loss
from torch import nn
from turns import in_turns, ratio

from data.processes import keep_freed_memory
from detection import MicroTubeNetwork
from detection.loss import multi_box_loss
from detection.recipes import make_optimizer
from detection.streams import Stream
from training.precision import autocast

CLASSES = 24


def main() -> None:
    """Prints the time of a step of each network, with the plain network's beside it.

    Each has a process of its own, since ours keeps the memory that it frees, and the plain one does
    not.
    """
    native = torch.cpu._is_avx512_bf16_supported()
    print(f"  this CPU has {'' if native else 'no '}bfloat16 of its own")
    for basenet, batch_size, side, stream in (
        ("vgg16", 2, 300, Stream()),
        ("mobilenet_v2", 16, 192, Stream()),
        ("mobilenet_v2", 16, 192, Stream("fastOF", 5)),
    ):
        make = partial(training_step, basenet, batch_size, side, torch.device("cpu"), stream)
        with ExitStack() as processes:
            steps = {
                "plain": processes.enter_context(_stepping(partial(make, plain=True))),
                "float32": processes.enter_context(_stepping(make)),
            }
            if native:
                steps["bfloat16"] = processes.enter_context(
                    _stepping(partial(make, precision="bfloat16"))
                )
            seconds = in_turns(steps, rounds=5)
        times = ", ".join(f"{name} {statistics.median(t):.2f} s" for name, t in seconds.items())
        print(
            f"  training step of {batch_size}, {basenet}, {stream.input_type}: {times}; ratio "
            f"{ratio(seconds):.2f}"
        )


@contextmanager
def _stepping(make: partial[Callable[[], None]]) -> Iterator[Callable[[], object]]:
    """A function that has a process of its own do a step and waits for it."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_step_when_told, args=(make, theirs), daemon=True)
    process.start()

    def step() -> object:
        ours.send(True)
        return ours.recv()

    yield step
    ours.send(False)
    process.join()


def _step_when_told(make: partial[Callable[[], None]], told: Connection) -> None:
    if not make.keywords.get("plain"):
        keep_freed_memory()
    step = make()
    while told.recv():
        step()
        told.send(None)


def training_step(
    basenet: str,
    batch_size: int,
    side: int,
    device: torch.device,
    stream: Stream,
    *,
    precision: str = "float32",
    plain: bool = False,
) -> Callable[[], None]:
    """A function that does a step: forward, loss, backward, update.

    Light networks are fine-tuned, as their recipe says: the plain form has the same layers frozen,
    their normalisation not merged.
    """
    torch.manual_seed(0)
    network = MicroTubeNetwork(basenet, CLASSES, input_size=side, streams=(stream,))
    model: nn.Module = network
    frozen: list[nn.Module] = []
    if basenet != "vgg16" and plain:
        frozen = network.backbone.pretrained_layers()
        for layer in () if stream.shows_motion else network.backbone.early_layers():
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
    images = torch.randn(batch_size, 2, 3 * stream.images, side, side, device=device)
    priors = len(network.priors)
    classes = torch.zeros(batch_size, priors, dtype=torch.long, device=device)
    classes[:, :: priors // 12] = 3
    targets = torch.randn(batch_size, priors, 8, device=device)

    def step() -> None:
        model.train()
        for layer in frozen:
            layer.eval()
        optimizer.zero_grad(set_to_none=True)
        with autocast(device, precision):
            scores, offsets = (output.float() for output in model(images))
        if plain:
            loss = plain_loss(scores, offsets, classes, targets)
        else:
            loss = sum(multi_box_loss(scores, offsets, classes, targets).values(), 0 * scores.sum())
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


if __name__ == "__main__":
    main()
