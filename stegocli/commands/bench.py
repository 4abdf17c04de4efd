"""`stego bench`: how fast training, hiding and revealing are here."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import printable
from .common import FLAG, AmpOption, JsonOption, WeightsOption, console, given


def bench(
    context: typer.Context,
    batch_size: Annotated[int, typer.Option(min=1, metavar="N", help="Pairs in a step.")] = 2,
    data: Annotated[
        Path | None,
        typer.Option(readable=False, metavar="DIR", show_default="the built-in set", help="Folder of pictures."),
    ] = None,
    crop: Annotated[int, typer.Option(min=16, metavar="PIXELS", help="Side of the crops.")] = 224,
    steps: Annotated[int, typer.Option(min=2, metavar="N", help="Training steps measured for each row.")] = 20,
    sizes: Annotated[
        bool,
        typer.Option("--sizes", metavar=FLAG, help="Instead: hide and reveal at 0.25, 3, 12 and 48 megapixels."),
    ] = False,
    vram_limit: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Take no more of a GPU's memory, as 4GB.")
    ] = None,
    as_json: JsonOption = False,
    weights: WeightsOption = None,
    amp: AmpOption = None,
) -> None:
    """Measure training, its five speed-ups one by one, and hiding and revealing.

    Examples:

      stego bench --batch-size 2

      stego bench --sizes
    """
    if sizes:
        for name in ("batch_size", "data", "crop", "steps"):
            if given(context, name):
                raise typer.BadParameter(
                    "it is for training, which --sizes leaves out: give one", param_hint=f"--{name.replace('_', '-')}"
                )
    from .. import render
    from ..measure import bench as bench_module
    from ..training.hardware import limit_memory

    if vram_limit and (note := limit_memory(vram_limit)):
        print(printable(f"note: {note}"), file=sys.stderr)
    on_row = (lambda section, row: None) if as_json else render.BenchPrinter(console())
    figures = bench_module.run(batch_size, data, crop, steps, weights, sizes, amp, on_row)
    if as_json:
        print(json.dumps(figures, indent=1))
