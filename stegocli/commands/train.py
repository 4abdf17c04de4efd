"""`stego train`: make weights."""

from pathlib import Path
from typing import Annotated

import typer

from .common import FLAG, NETWORK, OUTPUT, console, given, show_notes

DATA, RUN = "Pictures", "Run"


def train(
    context: typer.Context,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", rich_help_panel=DATA, show_default="built-in procedural pictures",
            help="Folder of pictures, searched recursively.",
        ),
    ] = None,
    epochs: Annotated[
        int, typer.Option(min=1, metavar="N", rich_help_panel=RUN, help="Passes over the pictures.")
    ] = 50,
    batch_size: Annotated[int, typer.Option(min=1, metavar="N", rich_help_panel=RUN, help="Pairs in a step.")] = 2,
    amp: Annotated[
        bool, typer.Option("--amp/--no-amp", metavar=FLAG, rich_help_panel=RUN, help="Mixed precision.")
    ] = True,
    crop: Annotated[
        int, typer.Option(min=16, metavar="PIXELS", rich_help_panel=DATA, help="Side of the random crops.")
    ] = 224,
    num_blocks: Annotated[
        int, typer.Option(min=1, max=64, metavar="N", rich_help_panel=NETWORK, help="Coupling blocks.")
    ] = 8,
    hidden_channels: Annotated[
        int, typer.Option(min=1, max=1024, metavar="N", rich_help_panel=NETWORK, help="Width of the subnets.")
    ] = 128,
    levels: Annotated[
        int, typer.Option(min=1, max=3, metavar="N", rich_help_panel=NETWORK, help="Wavelet levels.")
    ] = 2,
    wavelet: Annotated[str, typer.Option(metavar="NAME", rich_help_panel=NETWORK, help="haar or legall53.")] = "haar",
    learning_rate: Annotated[
        float, typer.Option(min=1e-8, metavar="RATE", rich_help_panel=RUN, help="Highest learning rate.")
    ] = 1e-3,
    reveal_weight: Annotated[
        float, typer.Option(min=0, metavar="W", rich_help_panel=RUN, help="Weight of the reveal error; hiding has 1.")
    ] = 0.85,
    workers: Annotated[
        int, typer.Option(min=0, metavar="N", rich_help_panel=DATA, help="Loader processes; validation takes half.")
    ] = 4,
    seed: Annotated[
        int,
        typer.Option(
            min=0, max=2**63 - 1, metavar="N", rich_help_panel=RUN, help="Decides initial weights, split and crops."
        ),
    ] = 0,
    init: Annotated[
        Path | None, typer.Option(metavar="FILE", rich_help_panel=NETWORK, help="Weights file to start from.")
    ] = None,
    prune: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=1, metavar="SHARE", rich_help_panel=NETWORK,
            help="First cut the --init network down to this share of its multiplications.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", metavar=FLAG, rich_help_panel=OUTPUT, help="Go on with the run in --out.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", "-f", metavar=FLAG, rich_help_panel=OUTPUT, help="Replace the run that --out holds."),
    ] = False,
    vram_limit: Annotated[
        str | None, typer.Option(metavar="SIZE", rich_help_panel=RUN, help="Take no more of a GPU's memory, as 4GB.")
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR", rich_help_panel=OUTPUT, help="Folder for weights, checkpoint, metrics and pictures."
        ),
    ] = Path("runs/train"),
) -> None:  # fmt: skip
    """Train weights and write them, with metrics, curves and pictures, to --out.

    On several GPUs or machines: torchrun --nproc-per-node N -m stegocli train ...

    Examples:

      stego train --epochs 50 --amp

      stego train --data photos --epochs 210 --batch-size 8 --crop 64 --out runs/mine
    """
    from ..flow.couplings import FlowConfig
    from ..flow.wavelet import WAVELETS
    from ..flow.weights import shared_model
    from ..training.display import TrainingDisplay
    from ..training.hardware import limit_memory
    from ..training.loop import train as run
    from ..training.settings import ARCHITECTURE, Settings

    if resume and force:
        raise typer.BadParameter("give one of --resume and --force")
    if wavelet not in WAVELETS:
        raise typer.BadParameter(f"choose one of {', '.join(WAVELETS)}", param_hint="--wavelet")
    changed = {name for name in context.params if given(context, name)}
    if init and not resume and not changed & ARCHITECTURE:
        flow = shared_model(init).network.config
    else:
        flow = FlowConfig(wavelet=wavelet, levels=levels, num_blocks=num_blocks, hidden_channels=hidden_channels)
    settings = Settings(
        out=out, data=data, epochs=epochs, batch_size=batch_size, crop=crop, amp=amp, workers=workers, seed=seed,
        learning_rate=learning_rate, reveal_weight=reveal_weight, init=init, prune=prune, flow=flow,
    )  # fmt: skip
    changed -= {"resume", "force", "vram_limit"}
    show = console()
    if vram_limit and (note := limit_memory(vram_limit)):
        show_notes([note], show)
    with TrainingDisplay(show) as display:
        run(settings, resume, changed, display, force)
