"""`mgcbook convert KIND SOURCE [RESULT]`: a face model of another project -> the package's own file, checked, with its pictures.

mgcbook convert ict ICT-FaceKit        -> ict.npz, ict.txt (what it is, what was measured), ict.png (what it looks like)
mgcbook fit photo.jpg --face ict.npz
"""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from mgcbook.data.formats import KINDS
from mgcbook.errors import UsageError
from mgcbook.files import atomic_write


@dataclass(frozen=True)
class ConvertOptions:
    """Convert a face model of another project: the model, its card (.txt) and a sheet of pictures (.png).

    Nothing in the files is run. What was read is measured (unit, axes, landmarks, winding, size of the modes) and refused if
    it is no face. A model without colours gets those of the built-in face, which its card says.
    """

    kind: Positional[str]
    """Which model: ict, bfm2009, deng, bfm2017, bfm2019, 3ddfa, 3ddfa-v2, mgcnet, eos, flame; `list` says what each needs."""
    source: Positional[Path] = Path()
    """Its file, or the folder with its files."""
    result: Positional[Path | None] = None
    """The .npz to write; by default KIND.npz in this folder."""
    identity: int | None = None
    """How many identity modes to take; by default as in the paper (80)."""
    expression: int | None = None
    """How many expression modes to take; by default 80, or 64 for models made with Deng's files."""
    albedo: int | None = None
    """How many albedo modes to take; by default 64, or 80 for models made with Deng's files."""
    sheet: bool = True
    """Draw the sheet of pictures."""


def run(options: ConvertOptions):
    """Convert, write three files, and say what was measured."""
    if options.kind == "list":
        width = max(map(len, KINDS))
        print("\n".join(f"{name:<{width}}  {kind.what}" for name, kind in KINDS.items()))
        return
    if options.source == Path():
        raise UsageError(f"source: expected the file or folder of the model, for {options.kind}: "
                         f"{KINDS[options.kind].what if options.kind in KINDS else 'see mgcbook convert list'}")  # fmt: skip
    for name in ("identity", "expression", "albedo"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            raise UsageError(f"{name}: expected at least 1, got {getattr(options, name)}")
    result = options.result or Path(f"{options.kind}.npz")
    if result.suffix != ".npz":
        raise UsageError(f"result: expected a name ending in .npz, got {result}")
    from mgcbook.data.formats import convert

    model, card = convert(
        options.kind, options.source, identity=options.identity, expression=options.expression, albedo=options.albedo
    )
    model.save(result)
    with atomic_write(result.with_suffix(".txt")) as file:
        file.write(("\n".join(card) + "\n").encode())
    print("\n".join(card))
    if options.sheet:
        from mgcbook.data.images import write_image
        from mgcbook.programs.model_sheet import model_sheet

        write_image(result.with_suffix(".png"), model_sheet(model))
    print(f"{result}: use it with --face {result}; look at {result.with_suffix('.png' if options.sheet else '.txt')}")
