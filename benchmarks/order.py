"""What BERT knows of the order of steps, and their mean does not, on features of one backbone.

Two actions of the embedded data set follow each other; a classifier says which came first and which
second. The backbone is a trained one and stays as it is. It sees each action alone, so what order
there is, is between the steps that the head gets.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import data
from recognition.clips import Clips
from recognition.heads.clip_classifier import ClipClassifier
from recognition.heads.late_temporal import BertHead, PooledHead
from recognition.listed_data import listed_data
from recognition.pipelines import training_clips
from recognition.saved_models import load_model
from recognition.train_options import parse_options
from training.loading import load

RECIPE = "bert_embedded"
TRAINED = Path("runs/recognition/r3d_18_embedded_clip32_bert10_e9_cos/best.safetensors")
STEPS, BATCH, RATE = 600, 64, 3e-4
PAIRS = 4000


def main(argv: Sequence[str] | None = None) -> int:
    """Trains both heads and prints their accuracies.

    Raises:
        InputError: the weights are of no 3D network.
    """
    parser = data.CommandParser(description=__doc__)
    parser.add_argument(
        "weights", nargs="?", type=Path, default=TRAINED, help="best ones of the recipe"
    )
    weights = parser.parse_args(argv).weights
    if not weights.exists():
        print(f"no {weights}: train it by python recognition/train.py --recipe {RECIPE}")
        return 0
    model, settings, _ = load_model(weights)
    if not isinstance(model, ClipClassifier):
        raise data.InputError(f"{weights}: is of no 3D network; train the recipe {RECIPE}")
    model.finish_training()
    options = parse_options(["--recipe", RECIPE])
    listed = listed_data(options, {"train": None, "val": None}, "RGB")
    clips = training_clips(settings, options, listed)
    clips["train"] = Clips(
        listed.videos["train"], listed.frames, clips["val"].sampling, clips["val"].transform
    )
    seen = {part: _features(model, clips[part]) for part in ("train", "val")}
    width, classes = seen["train"][0].shape[1], len(listed.classes)
    print(f"actions: {len(seen['train'][0])} to learn from, {len(seen['val'][0])} held out")
    for name, head in (
        ("mean over steps", PooledHead([width], dropout=0.0)),
        ("BERT", BertHead(width, 2, dropout=0.0)),
    ):
        torch.manual_seed(0)
        classifier = nn.Sequential(head, nn.Linear(width, classes * classes))
        _learn(classifier, *seen["train"], classes)
        both, unordered = _accuracy(classifier, *seen["val"], classes)
        print(f"  {name}: {both:.3f} in their order, {unordered:.3f} in any order")
    return 0


def _features(model: ClipClassifier, clips: Clips) -> tuple[Tensor, Tensor]:
    """A vector of each action `(N, width)`, and its label."""
    vectors, labels = [], []
    keys = [(0, index) for index in range(len(clips))]
    with torch.inference_mode():
        for batch, of_batch in load(clips, sampler=keys, batch_size=8, num_workers=2):
            seen = batch.unflatten(1, (-1, 3)).transpose(1, 2)
            vectors.append(model.features(seen).mean((2, 3, 4)))
            labels.append(of_batch)
    return torch.cat(vectors).clone(), torch.cat(labels).clone()


def _pairs(
    vectors: Tensor, labels: Tensor, classes: int, count: int, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Maps of two steps `(count, width, 2, 1, 1)` of actions of two classes, and which they are."""
    chosen: NDArray[np.int64] = random.integers(len(vectors), size=(4 * count, 2))
    first, second = (labels[torch.from_numpy(part)] for part in chosen.T)
    other = torch.from_numpy(chosen)[first != second][:count]
    maps = vectors[other].transpose(1, 2)[..., None, None]
    return maps, labels[other[:, 0]] * classes + labels[other[:, 1]]


def _learn(classifier: nn.Module, vectors: Tensor, labels: Tensor, classes: int) -> None:
    random = np.random.default_rng(0)
    optimizer = torch.optim.AdamW(classifier.parameters(), RATE)
    for _ in range(STEPS):
        maps, pairs = _pairs(vectors, labels, classes, BATCH, random)
        loss = nn.functional.cross_entropy(classifier(maps), pairs)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.inference_mode()
def _accuracy(
    classifier: nn.Module, vectors: Tensor, labels: Tensor, classes: int
) -> tuple[float, float]:
    """Shares of pairs that are right in their order, and in any order."""
    maps, pairs = _pairs(vectors, labels, classes, PAIRS, np.random.default_rng(1))
    found = classifier.eval()(maps).argmax(1)
    turned = found % classes * classes + found // classes
    right = found == pairs
    return float(right.float().mean()), float((right | (turned == pairs)).float().mean())


if __name__ == "__main__":
    data.run_command(main)
