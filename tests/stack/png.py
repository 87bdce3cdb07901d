"""Reading a PNG of eight bits a channel by its specification (ISO/IEC 15948), as an oracle for what browsers draw."""

import struct
import zlib
from dataclasses import dataclass

CHANNELS = {2: 3, 6: 4}
"""By colour type: RGB and RGBA."""


@dataclass(frozen=True)
class Picture:
    """Rows of pixels, top first."""

    width: int
    height: int
    channels: int
    rows: tuple[bytes, ...]

    def at(self, x: int, y: int) -> tuple[int, ...]:
        """Red, green and blue."""
        begin = x * self.channels
        return tuple(self.rows[y][begin : begin + 3])

    def colours(self) -> set[tuple[int, ...]]:
        return {self.at(x, y) for y in range(self.height) for x in range(self.width)}


def read(data: bytes) -> Picture:
    """Raises AssertionError for what is no such PNG."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = [], 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length]) == (zlib.crc32(kind + body),)
        chunks.append((kind, body))
        at += 12 + length
    assert (chunks[0][0], chunks[-1]) == (b"IHDR", (b"IEND", b""))
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    assert (depth, interlaced) == (8, 0)
    raw = zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"))
    return Picture(width, height, CHANNELS[colour], _rows(raw, height, CHANNELS[colour], width * CHANNELS[colour]))


def _rows(raw: bytes, height: int, step: int, length: int) -> tuple[bytes, ...]:
    """Filters undone: each byte is its difference from what the ones left, above and left above foretell."""
    rows, above = [], bytes(length)
    for number in range(height):
        kind, line = raw[number * (length + 1)], bytearray(raw[number * (length + 1) + 1 : (number + 1) * (length + 1)])
        for at in range(length):
            left, corner = (line[at - step], above[at - step]) if at >= step else (0, 0)
            line[at] = (line[at] + _foretold(kind, left, above[at], corner)) % 256
        rows.append(bytes(line))
        above = rows[-1]
    return tuple(rows)


def _foretold(kind: int, left: int, above: int, corner: int) -> int:
    if kind == 4:
        near = left + above - corner
        return min((left, above, corner), key=lambda one: abs(near - one))
    return (0, left, above, (left + above) // 2)[kind]
