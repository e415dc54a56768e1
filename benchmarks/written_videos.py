"""The same frames as folders of images, frame databases and video files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from data.frame_names import FrameNames

NAMES = FrameNames("img_{:05d}.jpg")


def write_folder(folder: Path, coded: Sequence[bytes]) -> Path:
    """Writes image files."""
    folder.mkdir()
    for index, content in enumerate(coded):
        (file,) = NAMES.files(folder, index)
        file.write_bytes(content)
    return folder


def write_published_database(folder: Path, coded: Sequence[bytes], width: int) -> Path:
    """Writes a frame database as dataset2database does: no key, rows as a folder lists them."""
    folder.mkdir()
    rows = [
        (f"{folder.name}/frame_{index + 1:05d}", content, width)
        for index, content in enumerate(coded)
    ]
    order = np.random.default_rng(0).permutation(len(rows))
    with closing(sqlite3.connect(folder / "frames.db")) as connection:
        connection.execute("CREATE TABLE Images(ObjId STRING, frames BLOB, size INT)")
        connection.executemany(
            "INSERT INTO Images VALUES (?, ?, ?)", (rows[index] for index in order)
        )
        connection.commit()
    (folder / "n_frames").write_text(str(len(rows)))
    return folder


def write_h264(path: Path, images: Iterable[npt.NDArray[np.uint8]], key_frame_every: int) -> Path:
    """Writes RGB images (H, W, 3) as a video of 25 frames a second."""
    stream = None
    options = {"g": str(key_frame_every), "preset": "veryfast", "crf": "20"}
    with av.open(str(path), "w") as container:
        for image in images:
            if stream is None:
                stream = container.add_stream("libx264", rate=25, options=options)
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        assert stream is not None
        container.mux(stream.encode(None))
    return path
