"""How fast 3D networks classify clips and learn, beside the same networks in plain eager float32.

- Forward: one clip and eight, of 32 frames of 112 pixels. Ours is a network after
  `finish_training`; then the same with channels last, and compiled.
- A step of training, of eight clips of 64 pixels: in channels last, compiled, and on a GPU in
  bfloat16.

On a GPU where there is one. Compiling takes most of the time.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from unittest import mock

import torch
from torch import Tensor, nn
from turns import in_turns, ratio

from data.processes import keep_freed_memory
from recognition import create_model
from recognition.backbones import convolution3d
from recognition.heads.clip_classifier import ClipClassifier

NETWORKS = (
    *("rgb_resneXt3D64f101_bert10_FRMB", "rgb_I3D64f_bert2", "rgb_slowfast64f_50"),
    *("rgb_r2plus1d_32f_34_bert10", "r3d_18", "srtg_r3d_18", "mtnet_s"),
)
LEARNING = ("rgb_I3D64f_bert2", "r3d_18", "mtnet_s")
FRAMES, SIZE, SMALL, CLASSES, ROUNDS = 32, 112, 64, 51, 5


def main() -> None:
    """Prints all figures."""
    keep_freed_memory()  # as the commands do
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    threads = f"{torch.get_num_threads()} threads"
    print(f"on {torch.cuda.get_device_name() if device.type == 'cuda' else threads}:")
    for name in NETWORKS:
        for clips in (1, 8):
            _tell(f"{name}, {clips} of {FRAMES}x{SIZE}x{SIZE}", _forward(name, clips, device))
    for name in LEARNING:
        _tell(f"{name}, a step of 8 of {FRAMES}x{SMALL}x{SMALL}", _training(name, device))


def _forward(name: str, count: int, device: torch.device) -> dict[str, list[float]]:
    clips = torch.randn(count, 3 * FRAMES, SIZE, SIZE, device=device)
    plain = _network(name, device).eval()
    ours, last = (_network(name, device).finish_training() for _ in range(2))
    ways: dict[str, Callable[[Tensor], Tensor]] = {
        "plain": _plainly(plain),
        "ours": ours,
        "channels last": _channels_last(last),
        "compiled": torch.compile(ours),
    }
    with torch.inference_mode():
        expected = ways["plain"](clips)
        for way, network in ways.items():
            error = (network(clips) - expected).abs().max() / expected.abs().max()
            assert error < 1e-3, f"{name}, {way}: differs by {error:.1e}"
        runs = {way: _runs(network, clips) for way, network in ways.items()}
        return in_turns(runs, ROUNDS, device)


def _training(name: str, device: torch.device) -> dict[str, list[float]]:
    clips = torch.randn(8, 3 * FRAMES, SMALL, SMALL, device=device)
    ways: dict[str, Callable[[Tensor], Tensor]] = {
        "plain": _plainly(_network(name, device)),
        "channels last": _channels_last(_network(name, device)),
        "compiled": torch.compile(_network(name, device)),
    }
    if device.type == "cuda":
        ways["channels last, bfloat16"] = _in_bfloat16(_channels_last(_network(name, device)))
    return in_turns({way: _steps(network, clips) for way, network in ways.items()}, ROUNDS, device)


def _network(name: str, device: torch.device) -> ClipClassifier:
    torch.manual_seed(0)
    network = create_model(name, CLASSES, frames=FRAMES)
    assert isinstance(network, ClipClassifier)
    return network.to(device).train()


def _plainly(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """The network by PyTorch's own convolutions."""

    def run(clips: Tensor) -> Tensor:
        with mock.patch.object(convolution3d, "_slow_in_torch", return_value=False):
            output: Tensor = network(clips)
        return output

    return run


def _channels_last(network: ClipClassifier) -> ClipClassifier:
    """The network with the channels of a pixel lying together in weights and clips."""
    network.features.to(memory_format=torch.channels_last_3d)
    network.features.register_forward_pre_hook(
        lambda _, clips: (clips[0].contiguous(memory_format=torch.channels_last_3d),)
    )
    return network


def _in_bfloat16(run: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def mixed(clips: Tensor) -> Tensor:
        with torch.autocast(clips.device.type, torch.bfloat16):
            return run(clips)

    return mixed


def _runs(network: Callable[[Tensor], Tensor], clips: Tensor) -> Callable[[], object]:
    return lambda: network(clips)


def _steps(network: Callable[[Tensor], Tensor], clips: Tensor) -> Callable[[], object]:
    labels = torch.arange(len(clips), device=clips.device)

    def step() -> None:
        nn.functional.cross_entropy(network(clips), labels).backward()

    return step


def _tell(title: str, seconds: Mapping[str, list[float]]) -> None:
    plain = seconds["plain"]
    print(f"{title}: plain {1e3 * statistics.median(plain):.0f} ms")
    for way, of_way in seconds.items():
        if way != "plain":
            times = ratio({"plain": plain, way: of_way})
            print(f"  {way:<24} {times:.2f} times as fast", flush=True)


if __name__ == "__main__":
    main()
