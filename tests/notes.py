"""Sentences that several commands tell on stderr."""

from __future__ import annotations


def absent_class(truth: object, name: str = "jump", classes: int = 2) -> str:
    """What is said of the only class of which the ground truth has no tube."""
    return (
        f"note: 1 of {classes} classes have no true tube in {truth} and an average precision of 0, "
        f"which the mean holds unless its protocol leaves such classes out: {name}\n"
    )
