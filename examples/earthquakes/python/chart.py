"""Draws charts as PNG with the standard library alone. With matplotlib, a function would simply return the figure."""

import struct
import zlib

WHITE, GREY, BLACK = (255, 255, 255), (214, 214, 214), (51, 51, 51)
# Three columns and five rows for each digit, row by row.
GLYPHS = {
    "0": "111101101101111",
    "1": "010110010010111",
    "2": "111001111100111",
    "3": "111001111001111",
    "4": "101101111001001",
    "5": "111100111001111",
    "6": "111100111101111",
    "7": "111001001001001",
    "8": "111101111101111",
    "9": "111101111001111",
}


class Canvas:
    """Pixels, counted from the upper left corner."""

    def __init__(self, width, height):
        self.width = width
        self.height = height
        self.rows = [bytearray(bytes(WHITE) * width) for _ in range(height)]

    def box(self, left, top, right, bottom, colour):
        left, right = max(0, round(left)), min(self.width, round(right))
        for row in self.rows[max(0, round(top)) : max(0, round(bottom))]:
            row[3 * left : 3 * right] = bytes(colour) * max(0, right - left)

    def line(self, start, end, colour, thickness=2):
        (x, y), (other_x, other_y) = start, end
        steps = max(1, round(max(abs(other_x - x), abs(other_y - y))))
        for step in range(steps + 1):
            across = x + (other_x - x) * step / steps
            down = y + (other_y - y) * step / steps
            self.box(across, down, across + thickness, down + thickness, colour)

    def number(self, value, right, top, colour=BLACK, scale=3):
        """Ends at `right`."""
        text = str(value)
        left = right - len(text) * 4 * scale + scale
        for position, digit in enumerate(text):
            for index, is_set in enumerate(GLYPHS[digit]):
                if is_set == "1":
                    x = left + (position * 4 + index % 3) * scale
                    y = top + index // 3 * scale
                    self.box(x, y, x + scale, y + scale, colour)

    def to_png(self):
        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        pixels = b"".join(b"\0" + row for row in self.rows)
        parts = (b"IHDR", header), (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b"")
        return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
