"""Several byte strings as one: how a job's child hands its results back. Local only; never foreign bytes."""

from collections.abc import Iterator, Sequence


def join(parts: Sequence[bytes | memoryview]) -> bytes:
    """Return ``parts``, each behind its length (u64 little-endian); long ones are copied once."""
    return b"".join(_framed(parts))


def split(data: bytes) -> list[bytes]:
    """Return the parts of ``join``."""
    parts, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 8], "little")
        parts.append(data[at + 8 : at + 8 + size])
        at += 8 + size
    return parts


def _framed(parts: Sequence[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    for part in parts:
        yield len(part).to_bytes(8, "little")
        yield part
