"""`stego train`: make weights."""

from pathlib import Path
from typing import Annotated

import typer

from .common import FLAG, NETWORK, OUTPUT, console, given, show_notes

DATA, RUN = "Pictures", "Run"


DataOption = Annotated[
    Path | None,
    typer.Option(
        readable=False, metavar="DIR", rich_help_panel=DATA, show_default="built-in procedural pictures",
        help="Folder of pictures, searched recursively.",
    ),
]  # fmt: skip
EpochsOption = Annotated[
    int, typer.Option(min=1, metavar="N", rich_help_panel=RUN, help="Passes over the pictures.")
]  # fmt: skip
BatchSizeOption = Annotated[int, typer.Option(min=1, metavar="N", rich_help_panel=RUN, help="Pairs in a step.")]
AmpOption = Annotated[
    bool, typer.Option("--amp/--no-amp", metavar=FLAG, rich_help_panel=RUN, help="Mixed precision.")
]  # fmt: skip
CropOption = Annotated[
    int, typer.Option(min=16, metavar="PIXELS", rich_help_panel=DATA, help="Side of the random crops.")
]  # fmt: skip
CropsOption = Annotated[
    int, typer.Option(min=1, metavar="N", rich_help_panel=DATA, help="Crops of each picture in an epoch.")
]  # fmt: skip
NumBlocksOption = Annotated[
    int, typer.Option(min=1, max=64, metavar="N", rich_help_panel=NETWORK, help="Coupling blocks.")
]  # fmt: skip
HiddenChannelsOption = Annotated[
    int, typer.Option(min=1, max=1024, metavar="N", rich_help_panel=NETWORK, help="Width of the subnets.")
]  # fmt: skip
LevelsOption = Annotated[
    int, typer.Option(min=1, max=3, metavar="N", rich_help_panel=NETWORK, help="Wavelet levels.")
]  # fmt: skip
WaveletOption = Annotated[str, typer.Option(metavar="NAME", rich_help_panel=NETWORK, help="haar or legall53.")]
LearningRateOption = Annotated[
    float, typer.Option(min=1e-8, metavar="RATE", rich_help_panel=RUN, help="Highest learning rate.")
]  # fmt: skip
RevealWeightOption = Annotated[
    float, typer.Option(min=0, metavar="W", rich_help_panel=RUN, help="Weight of the reveal error; hiding has 1.")
]  # fmt: skip
WorkersOption = Annotated[
    int, typer.Option(min=0, metavar="N", rich_help_panel=DATA, help="Loader processes; validation takes half.")
]  # fmt: skip
SeedOption = Annotated[
    int,
    typer.Option(
        min=0, max=2**63 - 1, metavar="N", rich_help_panel=RUN, help="Decides initial weights, split and crops."
    ),
]  # fmt: skip
InitOption = Annotated[
    Path | None,
    typer.Option(
        readable=False, metavar="FILE", rich_help_panel=NETWORK, help="Weights file to start from.",
    ),
]  # fmt: skip
PruneOption = Annotated[
    float | None,
    typer.Option(
        min=0.01, max=1, metavar="SHARE", rich_help_panel=NETWORK,
        help="First cut the --init network down to this share of its multiplications.",
    ),
]  # fmt: skip
ResumeOption = Annotated[
    bool, typer.Option("--resume", metavar=FLAG, rich_help_panel=OUTPUT, help="Go on with the run in --out.")
]  # fmt: skip
ForceOption = Annotated[
    bool,
    typer.Option("--force", "-f", metavar=FLAG, rich_help_panel=OUTPUT, help="Replace the run that --out holds."),
]  # fmt: skip
VramLimitOption = Annotated[
    str | None, typer.Option(metavar="SIZE", rich_help_panel=RUN, help="Take no more of a GPU's memory, as 4GB.")
]  # fmt: skip
OutOption = Annotated[
    Path,
    typer.Option(
        readable=False, metavar="DIR", rich_help_panel=OUTPUT,
        help="Folder for weights, checkpoint, metrics and pictures."
    ),
]  # fmt: skip


def train(
    context: typer.Context,
    data: DataOption = None,
    epochs: EpochsOption = 50,
    batch_size: BatchSizeOption = 2,
    amp: AmpOption = True,
    crop: CropOption = 224,
    crops: CropsOption = 1,
    num_blocks: NumBlocksOption = 8,
    hidden_channels: HiddenChannelsOption = 128,
    levels: LevelsOption = 2,
    wavelet: WaveletOption = "haar",
    learning_rate: LearningRateOption = 1e-3,
    reveal_weight: RevealWeightOption = 0.85,
    workers: WorkersOption = 4,
    seed: SeedOption = 0,
    init: InitOption = None,
    prune: PruneOption = None,
    resume: ResumeOption = False,
    force: ForceOption = False,
    vram_limit: VramLimitOption = None,
    out: OutOption = Path("runs/train"),
) -> None:
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
        out=out, data=data, epochs=epochs, batch_size=batch_size, crop=crop, crops=crops, amp=amp, workers=workers,
        seed=seed, learning_rate=learning_rate, reveal_weight=reveal_weight, init=init, prune=prune, flow=flow,
    )  # fmt: skip
    changed -= {"resume", "force", "vram_limit"}
    show = console()
    if vram_limit and (note := limit_memory(vram_limit)):
        show_notes([note], show)
    with TrainingDisplay(show) as display:
        run(settings, resume, changed, display, force)
