"""Letters as rectangles, for renderers that draw triangles."""

from __future__ import annotations

import numpy as np

__all__ = ["text_rectangles"]


def text_rectangles(text: str, rows: int = 56) -> np.ndarray:
    """A text as rectangles, centred, of height 1.

    Parameters
    ----------
    text : str
        One line.
    rows : int
        Rows of pixels of the picture that is taken apart.

    Returns
    -------
    numpy.ndarray
        (M, 4, 2), corners of each rectangle, x right and y up.
    """
    from matplotlib.font_manager import FontProperties, findfont
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.truetype(findfont(FontProperties(weight="bold")), int(0.72 * rows))
    width = int(font.getlength(text)) + 4
    picture = Image.new("L", (width, rows), 0)
    ImageDraw.Draw(picture).text((width / 2, rows / 2), text, fill=255, font=font, anchor="mm")
    ink = np.pad(np.asarray(picture) > 127, ((0, 0), (1, 1)))
    step = np.diff(ink.astype(np.int8), axis=1)
    row, start = np.nonzero(step == 1)
    end = np.nonzero(step == -1)[1]
    x0, x1 = start - width / 2, end - width / 2
    y1 = rows / 2 - row
    y0 = y1 - 1
    corners = [np.stack(xy, axis=-1) for xy in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
    return np.stack(corners, axis=1) / rows
