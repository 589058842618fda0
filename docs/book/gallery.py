"""Write the README's pictures, as the committed notebooks show them, into docs/gallery: `python docs/book/gallery.py`."""

import base64
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHOSEN = {
    "cameras": ("04", "two cameras before one face"),
    "light": ("05", "Nine balls in three rows"),
    "triangles": ("06", "around an eye"),
    "covisible": ("08", "Fig. 2 of the paper"),
}
"""Name of the file -> chapter, beginning of the picture's alternative text."""


def picture(chapter, words):
    """The JPEG and the alternative text of a chapter's picture; -> bytes, str.

    Raises:
        LookupError: if no picture of the chapter begins with these words.
    """
    (path,) = (ROOT / "notebooks").glob(f"{chapter}_*.ipynb")
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            alt = output.get("metadata", {}).get("image/jpeg", {}).get("alt", "")
            if alt.startswith(words):
                return base64.b64decode(output["data"]["image/jpeg"]), alt
    raise LookupError(f"{path.name}: no picture whose alternative text begins with {words!r}")


if __name__ == "__main__":
    folder = ROOT / "docs" / "gallery"
    folder.mkdir(exist_ok=True)
    for name, source in CHOSEN.items():
        data, alt = picture(*source)
        (folder / f"{name}.jpg").write_bytes(data)
        print(f"docs/gallery/{name}.jpg: {len(data) / 1000:.0f} kB, {alt}")
