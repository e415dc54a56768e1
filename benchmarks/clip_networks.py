"""How fast 3D networks classify clips and learn, beside the same networks in plain eager float32.

- Forward: one clip and four, of 32 frames of 112 pixels. Ours is a network after
  `finish_training`; then the same compiled, and on a GPU with channels last, and that in bfloat16.
- A step of training, of eight clips of 64 pixels: the same ways.

On a CPU, ours has channels last. On a GPU where there is one. Networks with recurrent layers are
not compiled, for it would be in many small pieces, which takes many minutes.
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
Network = Callable[[Tensor], Tensor]
FRAMES, SIZE, SMALL, CLASSES, ROUNDS = 32, 112, 64, 51, 5


def main() -> None:
    """Prints all figures."""
    keep_freed_memory()  # as the commands do
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    threads = f"{torch.get_num_threads()} threads"
    print(f"on {torch.cuda.get_device_name() if device.type == 'cuda' else threads}:")
    for name in NETWORKS:
        for clips in (1, 4):
            _tell(f"{name}, {clips} of {FRAMES}x{SIZE}x{SIZE}", _forward(name, clips, device))
    for name in LEARNING:
        _tell(f"{name}, a step of 8 of {FRAMES}x{SMALL}x{SMALL}", _training(name, device))


def _forward(name: str, count: int, device: torch.device) -> dict[str, list[float]]:
    clips = torch.randn(count, 3 * FRAMES, SIZE, SIZE, device=device)
    plain = _plainly(_network(name, device).eval())
    ways = _ways(lambda: _network(name, device).finish_training(), device)
    with torch.inference_mode():
        expected = plain(clips)
        for way, network in ways.items():
            error = (network(clips) - expected).abs().max() / expected.abs().max()
            most = 0.1 if "bfloat16" in way else 1e-3
            assert error < most, f"{name}, {way}: differs by {error:.1e}"
        runs = {way: _runs(network, clips) for way, network in {"plain": plain, **ways}.items()}
        return in_turns(runs, ROUNDS, device)


def _training(name: str, device: torch.device) -> dict[str, list[float]]:
    clips = torch.randn(8, 3 * FRAMES, SMALL, SMALL, device=device)
    ways = {"plain": _plainly(_network(name, device))}
    ways |= _ways(lambda: _network(name, device), device)
    return in_turns({way: _steps(network, clips) for way, network in ways.items()}, ROUNDS, device)


def _ways(make: Callable[[], ClipClassifier], device: torch.device) -> dict[str, Network]:
    """The network in ways that may be faster."""
    ways: dict[str, Network] = {"ours": make()}
    if not any(isinstance(layer, nn.RNNBase) for layer in make().modules()):
        torch.compiler.reset()  # it gives up after so many networks
        ways["compiled"] = torch.compile(make())
    if device.type == "cuda":
        ways["channels last"] = _channels_last(make())
        ways["channels last, bfloat16"] = _in_bfloat16(_channels_last(make()))
    return ways


def _network(name: str, device: torch.device) -> ClipClassifier:
    torch.manual_seed(0)
    network = create_model(name, CLASSES, frames=FRAMES)
    assert isinstance(network, ClipClassifier)
    return network.to(device).train()


def _plainly(network: ClipClassifier) -> Network:
    """The network by PyTorch's own convolutions, of clips as they are."""

    def run(clips: Tensor) -> Tensor:
        with mock.patch.object(convolution3d, "_slow_in_torch", return_value=False):
            output: Tensor = network(clips)
        return output

    network.features.register_forward_pre_hook(lambda _, clips: (clips[0].contiguous(),))
    return run


def _channels_last(network: ClipClassifier) -> ClipClassifier:
    """The network with the channels of a pixel lying together in weights and clips."""
    network.features.to(memory_format=torch.channels_last_3d)
    network.features.register_forward_pre_hook(
        lambda _, clips: (clips[0].contiguous(memory_format=torch.channels_last_3d),)
    )
    return network


def _in_bfloat16(run: Network) -> Network:
    def mixed(clips: Tensor) -> Tensor:
        with torch.autocast(clips.device.type, torch.bfloat16):
            return run(clips)

    return mixed


def _runs(network: Network, clips: Tensor) -> Callable[[], object]:
    return lambda: network(clips)


def _steps(network: Network, clips: Tensor) -> Callable[[], object]:
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
