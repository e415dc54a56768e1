"""Atomic writing: all of the new file or all of the old one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from data import InputError, atomic_path, atomic_write
from data.files import read_file


def test_a_written_file_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "result.bin"
    for content in (b"old", b"new"):
        with atomic_write(path) as file:
            file.write(content)
        assert path.read_bytes() == content
    assert os.listdir(path.parent) == ["result.bin"]


def test_text_is_utf8_with_plain_line_ends(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a.txt", "w") as file:
        file.write("ü\n")
    assert (tmp_path / "a.txt").read_bytes() == b"\xc3\xbc\n"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "result.bin"
    path.write_bytes(b"old")
    with pytest.raises(error), atomic_write(path) as file:
        file.write(b"half of the ne")
        raise error
    with pytest.raises(error), atomic_path(path) as temporary:
        temporary.write_bytes(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["result.bin"]


@pytest.mark.skipif(sys.platform == "win32", reason="has no such locks")
def test_a_killed_writer_leaves_the_old_file_and_what_the_next_one_removes(tmp_path: Path) -> None:
    path = tmp_path / "result.bin"
    path.write_bytes(b"old")
    script = (
        "import sys, time\n"
        "from data import atomic_write\n"
        "with atomic_write(sys.argv[1]) as file:\n"
        "    file.write(b'half'); file.flush(); print('ready', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, path], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"ready\n"
        (temporary,) = set(tmp_path.iterdir()) - {path}
        long_ago = temporary.stat().st_mtime - 1e5
        os.utime(temporary, (long_ago, long_ago))
        with atomic_write(path) as file:
            file.write(b"new")
        assert temporary.exists()  # its writer lives
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert path.read_bytes() == b"new"
    with atomic_write(tmp_path / "other.bin"):
        pass
    assert temporary.exists()  # that of another file
    with atomic_write(path):
        assert not temporary.exists()


def test_the_target_is_not_there_before_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    with atomic_write(path) as file:
        file.write(b"x")
        assert not path.exists()
    assert path.exists()


def test_temporary_path_is_beside_the_target_with_its_suffix(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "film.mp4") as temporary:
        assert (temporary.parent, temporary.suffix) == (tmp_path.resolve(), ".mp4")
        temporary.write_bytes(b"film")
    assert (tmp_path / "film.mp4").read_bytes() == b"film"


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "a") as file:
            file.write(b"")
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_link_goes_on_pointing_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with atomic_write(tmp_path / "link") as file:
        file.write(b"x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"x"


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path, reason in [
        (tmp_path, "is not a regular file"),
        (Path("/dev/null"), "is not a regular file"),
        (tmp_path / "file" / "below", "cannot be written"),
    ]:
        with pytest.raises(InputError, match=f"{path}: {reason}"), atomic_write(path):
            pass
    assert Path("/dev/null").is_char_device()


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path, reason in [
        (tmp_path, "is a folder"),
        (tmp_path / "none", "no such file"),
        (tmp_path / ("x" * 300), "cannot be read"),
        (f"{tmp_path}/a\0b", "cannot be read"),
    ]:
        with pytest.raises(InputError, match=f"{path}: {reason}"):
            read_file(path)


@pytest.mark.skipif(sys.platform == "win32", reason="has no such pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"pipe: is a pipe, .* name a file"):
        read_file(tmp_path / "pipe")


def test_writers_of_the_same_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with atomic_write(path) as first, atomic_write(path) as second:
        first.write(b"first")
        second.write(b"second")
    assert path.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["a"]
