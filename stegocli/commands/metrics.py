"""`stego metrics`: compare pictures, or score hiding on a folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from ..robust.services import ANYTHING
from .common import FLAG, AmpOption, JsonOption, Meter, WeightsOption, console

PicturesArgument = Annotated[
    list[Path] | None,
    typer.Argument(readable=False, metavar="[A B | COVER STEGO SECRET REVEALED]", help="Two pictures, or four."),
]  # fmt: skip
DataOption = Annotated[
    Path | None,
    typer.Option(readable=False, metavar="DIR", help="Instead: score hiding on this folder, through real files."),
]  # fmt: skip
PlotOption = Annotated[
    Path | None,
    typer.Option(
        readable=False,
        metavar="FILE",
        help="With --data: compare all methods, and draw secret PSNR over cover PSNR here.",
    ),
]  # fmt: skip
SurviveOption = Annotated[
    str | None,
    typer.Option(
        metavar=f"QUALITY|SERVICE|{ANYTHING}",
        help="With --data: what survives JPEG of every quality, hidden so (see hide), or forty channels.",
    ),
]  # fmt: skip
DetectOption = Annotated[
    bool,
    typer.Option(
        "--detect", metavar=FLAG, help="With --data: how well a trained detector tells stegos of each method."
    ),
]  # fmt: skip
QualityOption = Annotated[
    int | None, typer.Option(min=1, max=100, metavar="Q", help="With --detect: in JPEGs of this quality.")
]  # fmt: skip


def _check(
    pictures: list[Path],
    data: Path | None,
    plot: Path | None,
    survive: str | None,
    detect: bool,
    quality: int | None,
    network: dict[str, Any],
) -> None:
    """Options that have no effect together are an error that says why."""
    if ((len(pictures) not in (2, 4)) if data is None else bool(pictures)) or (
        (plot or survive or detect) and not data
    ):
        raise typer.BadParameter(
            "give two pictures, or four, or --data (perhaps with --plot, --survive, --detect) and none"
        )
    if quality is not None and not detect:
        raise typer.BadParameter("it is for --detect: leave it out", param_hint="--quality")
    if detect and survive is not None:
        raise typer.BadParameter("give one of --survive and --detect", param_hint="--detect")
    for name, value in network.items():
        if value is not None and (data is None or survive is not None or detect):
            raise typer.BadParameter("no network is used here: leave it out", param_hint=name)


def metrics(
    pictures: PicturesArgument = None,
    data: DataOption = None,
    plot: PlotOption = None,
    survive: SurviveOption = None,
    detect: DetectOption = False,
    quality: QualityOption = None,
    as_json: JsonOption = False,
    weights: WeightsOption = None,
    amp: AmpOption = None,
) -> None:
    """Compare two pictures, judge a hide and reveal by its four, or score hiding on a folder.

    Examples:

      stego metrics cover.png stego.png secret.png revealed.png

      stego metrics --data photos --plot methods.png

      stego metrics --data photos --detect
    """
    pictures = pictures or []
    _check(pictures, data, plot, survive, detect, quality, {"--weights": weights, "--amp": amp})
    from .. import render
    from ..measure import evaluate
    from ..methods import Auto

    show: Callable[..., None]
    result: Any
    out = console()
    on_pair = (lambda row: None) if as_json else (lambda row: render.show_pair(row, out))
    if data is not None and survive is not None and survive.lower() == ANYTHING:
        from ..measure import anything

        show_row = (lambda row: None) if as_json else (lambda row: render.show_anything_pair(row, out))
        show, result = render.show_anything, anything.folder(data, plot, show_row)
    elif data is not None and survive is not None:
        from ..measure import surviving

        show_row = (lambda row: None) if as_json else (lambda row: render.show_surviving_pair(row, out))
        show, result = render.show_surviving, surviving.folder(data, survive, plot, show_row)
    elif data is not None and detect:
        from ..measure import detect as detection

        with Meter(console(quiet=as_json)) as meter:
            result = detection.folder(
                data, plot, quality=quality, on_picture=lambda done, total: meter("pictures", done / total)
            )
        show = render.show_detected
    elif data is not None and plot is not None:
        show, result = render.show_compared, evaluate.compare(data, plot, weights, on_pair, amp)
    elif data is not None:
        show, result = render.show_folder, evaluate.folder(data, Auto(weights, amp=amp), on_pair)
    elif len(pictures) == 2:
        show, result = render.show_two, evaluate.two(*pictures)
    else:
        show, result = render.show_four, evaluate.four(*pictures)
    if as_json:
        print(evaluate.as_json(result))
    else:
        show(result, out)
