"""A full disk is full, and has room again."""

from pathlib import Path

import pytest

from tests.cluster import disk


def test_nobody_can_write_to_a_full_disk(tmp_path: Path) -> None:
    with disk.small(tmp_path / "disk", size=1 << 24) as found:
        if found is None:
            pytest.skip("no disk can be mounted here")
        file = found.folder / "file"
        found.fill()
        with pytest.raises(OSError, match="No space left"):
            file.write_bytes(b"a" * 4096)
        found.free()
        file.write_bytes(b"a" * 4096)
