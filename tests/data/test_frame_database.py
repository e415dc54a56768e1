"""Frame databases: frames in any order of the rows, and what is wrong with a file."""

from __future__ import annotations

import os
import pickle
import random
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import InputError, open_video, read_frames
from data.frame_database import FrameDatabase
from data.media_index import find_media
from data.video import video_files
from tests.data.media import image
from tests.data.reference import needs_samples

SCHEMA = "CREATE TABLE Images(ObjId STRING, frames BLOB, size INT)"
KEYED = "CREATE TABLE Images(ObjId TEXT PRIMARY KEY, frames BLOB, size INT)"


def jpeg(index: int, width: int = 64) -> bytes:
    """A frame as it is stored."""
    return cv2.imencode(".jpg", cv2.resize(image(index), (width, 48)))[1].tobytes()


def stored(number: int) -> npt.NDArray[np.uint8]:
    """The image that is stored for a frame, RGB."""
    decoded = cv2.imdecode(np.frombuffer(jpeg(number), np.uint8), cv2.IMREAD_COLOR)
    return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)


def write_database(
    folder: Path,
    numbers: Sequence[int],
    contents: Sequence[object] | None = None,
    schema: str = SCHEMA,
    name: str = "frame_{:05d}",
) -> Path:
    """Writes `frames.db` with these frames, counted from 1, in this order of the rows."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = [jpeg(number) for number in numbers] if contents is None else contents
    with closing(sqlite3.connect(folder / "frames.db")) as connection:
        connection.execute(schema)
        ids = [f"{folder.name}/{name.format(number)}" for number in numbers]
        rows = zip(ids, contents, strict=True)
        connection.executemany("INSERT INTO Images VALUES (?, ?, 64)", rows)
        connection.commit()
    return folder


@pytest.mark.parametrize("schema", [SCHEMA, KEYED])
def test_frames_come_in_their_order(tmp_path: Path, schema: str) -> None:
    numbers = random.Random(5).sample(range(1, 13), 12)
    folder = write_database(tmp_path / "a clip", numbers, schema=schema)
    for path in (folder, folder / "frames.db"):
        with open_video(path, frame_rate=10) as video:
            assert isinstance(video, FrameDatabase)
            assert (video.width, video.height, video.frames, video.frame_rate) == (64, 48, 12, 10)
            frames = list(video)
            assert [frame.index for frame in frames] == list(range(12))
            assert [frame.time for frame in frames] == [index / 10 for index in range(12)]
            assert [frame.index for frame in video.select([7, 30, 2, 7])] == [2, 7]
            copied = pickle.loads(pickle.dumps(video.kept_closed()))
        assert all(np.array_equal(frame.image, stored(frame.index + 1)) for frame in frames)
        assert np.array_equal(next(copied.select([3])).image, frames[3].image)
    assert video_files(folder) == [folder / "frames.db"]


def test_they_are_found_where_dataset2database_puts_them(tmp_path: Path) -> None:
    folder = write_database(tmp_path / "jpg" / "wave" / "a clip", [1])
    assert find_media(tmp_path, ["wave/a clip"]) == {"wave/a clip": folder}


@given(numbers=st.permutations(range(1, 13)), wanted=st.lists(st.integers(0, 11)))
def test_numbers_of_any_length(numbers: list[int], wanted: list[int]) -> None:
    """Ids sort as text, in which frame 10 would come before frame 9."""
    with tempfile.TemporaryDirectory() as root:
        folder = write_database(Path(root), numbers, name="frame_{}")
        images = read_frames(folder, wanted)
    for index, found in zip(wanted, images, strict=True):
        assert np.array_equal(found, stored(index + 1))


@pytest.mark.parametrize(
    ("numbers", "contents", "told"),
    [
        ([1, 3], None, r"frames\.db: is no whole frame database \(frame 2 is missing\); convert"),
        ([2, 3], None, "frame 1 is missing"),
        ([1, 2, 2], None, "frame 2 is there twice"),
        ([], None, "holds no frames"),
        ([1, 2], [jpeg(1), jpeg(2)[:-40]], "frame 2: the image is damaged"),
        ([1, 2], [jpeg(1), None], "frame 2: the image is damaged"),
        ([1, 2], [jpeg(1), "text"], "frame 2: the image is damaged"),
        ([1, 2], [jpeg(1), jpeg(2, 32)], "frame 2: the image is 32x48 and the first one 64x48"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, numbers: list[int], contents: list[object] | None, told: str
) -> None:
    folder = write_database(tmp_path / "clip", numbers, contents)
    with pytest.raises(InputError, match=told) as caught:
        list(open_video(folder))
    assert str(folder / "frames.db") in str(caught.value)


def test_other_files_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE Pictures(a)")
        connection.commit()
    text = tmp_path / "text.db"
    text.write_text("no database, but long enough to be read as one" * 20)
    whole = write_database(tmp_path / "clip", range(1, 9)) / "frames.db"
    cut = tmp_path / "cut.db"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    for path in (other, text, cut):
        with pytest.raises(InputError, match=r"\.db: is no whole frame database \("):
            list(open_video(path))
    (whole.parent / "n_frames").write_text("9")
    with pytest.raises(InputError, match=r"it holds 8 frames, and .*n_frames says '9'"):
        open_video(whole.parent)
    (whole.parent / "n_frames").write_text("8\n")
    assert len(list(open_video(whole))) == 8


def test_a_database_is_not_written_to(tmp_path: Path) -> None:
    folder = write_database(tmp_path / "clip", [1, 2])
    before = (folder / "frames.db").read_bytes()
    assert len(list(open_video(folder))) == 2
    assert os.listdir(folder) == ["frames.db"] and (folder / "frames.db").read_bytes() == before


@needs_samples
def test_a_published_database() -> None:
    """Written by dataset2database, read by SRTG's loader."""
    cases = Path(os.environ["REFERENCE_CASES"]) / "recognition_srtg"
    folder = cases / "sqlite_frames_data/jpg/wave/vid_wave_000003_000007"
    frames = list(open_video(folder))
    expected = np.load(cases / "sqlite_frames.npz")["decoded_first_frame_bgr"]
    assert len(frames) == 15 and frames[0].image.shape == (360, 478, 3)
    # Decoders of JPEG differ by rounding.
    difference = frames[0].image[..., ::-1].astype(int) - expected
    assert np.abs(difference).max() <= 2
