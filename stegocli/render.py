"""Tables and lines of figures for the terminal."""

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .measure import targets
from .picture import metrics
from .picture.metrics import Comparison, Score

_NAMES = {
    "hide_psnr": "hide PSNR",
    "hide_ssim": "hide SSIM",
    "hide_mse": "hide MSE",
    "reveal_psnr": "reveal PSNR",
    "reveal_ssim": "reveal SSIM",
    "reveal_mse": "reveal MSE",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "mse": "MSE",
    "bit_accuracy": "bit accuracy",
    "bit_error_rate": "bit error rate",
    "bits_per_pixel": "bits per pixel",
    "worst_block": "worst block",
    "hide_worst_block": "hide worst block",
    "reveal_worst_block": "reveal worst block",
}


def figure(name: str, value: float) -> str:
    """A figure with its unit."""
    if name.endswith(("psnr", "worst_block")):
        return "exact" if value == metrics.EXACT_PSNR else f"{value:.2f} dB"
    if name.startswith("bit_"):
        return f"{100 * value:.2f} %"
    return f"{value:.4f}" if name.endswith("ssim") else f"{value:.2f}"


def score_table(
    scores: dict[str, dict[str, float]], met: dict[str, bool] | None = None, title: str | None = None
) -> Table:
    """Figures down, one column a score; with `met`, the baseline targets and whether each is reached."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in scores:
        table.add_column(name, justify="right")
    if met is not None:
        table.add_column("target", justify="right")
        table.add_column("met")
    for key in next(iter(scores.values())):
        row: list[str | Text] = [_NAMES[key], *(figure(key, values[key]) for values in scores.values())]
        if met is not None and key in targets.BASELINE:
            sign, goal = targets.BASELINE[key]
            row += [f"{sign} {figure(key, goal)}", "yes" if met[key] else Text("no", style="bold red")]
        table.add_row(*row)
    return table


def show_two(result: Comparison, console: Console) -> None:
    """Print a comparison as a table."""
    console.print(score_table({"": asdict(result)}))


def show_four(result: Score, console: Console) -> None:
    """Print a score with the baseline targets."""
    console.print(score_table({"measured": asdict(result)}, targets.met(result)))


def show_pair(row: dict[str, Any], console: Console) -> None:
    """Print one line of a folder's run."""
    console.print(
        f"{row['cover']} <- {row['secret']}  hide {row['hide_psnr']:.2f} dB {row['hide_ssim']:.4f}  "
        f"reveal {row['reveal_psnr']:.2f} dB {row['reveal_ssim']:.4f}",
        soft_wrap=True,
    )


def show_folder(result: dict[str, Any], console: Console) -> None:
    """Print a folder's mean with the baseline targets."""
    title = f"mean of {len(result['pairs'])} pairs"
    console.print(score_table({"measured": result["mean"]}, result["targets"], title))
    worst = result["worst"]
    console.print(
        f"worst pair: hide {worst['hide_psnr']:.2f} dB, reveal {worst['reveal_psnr']:.2f} dB; worst block: "
        f"{worst['hide_worst_block']:.2f} and {worst['reveal_worst_block']:.2f} dB"
    )
    console.print(f"{result['by_network']} of {len(result['pairs'])} pairs by the network, the others as bytes")


def show_compared(results: dict[str, dict[str, Any]], console: Console) -> None:
    """Print the methods' means side by side."""
    console.print(score_table({name: result["mean"] for name, result in results.items()}))


def show_surviving_pair(row: dict[str, Any], console: Console) -> None:
    """Print one pair's line."""
    lost = [str(q) for q, psnr in row["secret_psnr"].items() if psnr is None]
    best = max((psnr for psnr in row["secret_psnr"].values() if psnr is not None), default=0.0)
    console.print(
        f"{row['cover']} <- {row['secret']}  cover {row['cover_psnr']:.2f} dB {row['cover_ssim']:.4f}  "
        f"secret {best:.2f} dB{'  lost at ' + ', '.join(lost) if lost else ''}",
        soft_wrap=True,
    )


def show_surviving(result: dict[str, Any], console: Console) -> None:
    """Print the table over the qualities."""
    mean = result["mean"]
    table = Table(title=f"{len(result['pairs'])} pairs, made to survive {result['survive']}", title_justify="left")
    for name in ("JPEG quality", "recovered", "secret PSNR"):
        table.add_column(name, justify="right")
    for row in result["qualities"]:
        psnr = "" if row["secret_psnr"] is None else f"{row['secret_psnr']:.2f} dB"
        table.add_row(str(row["quality"]), f"{row['recovered']:.0%}", psnr)
    console.print(table)
    console.print(f"cover: {mean['cover_psnr']:.2f} dB, SSIM {mean['cover_ssim']:.4f}")


def show_anything_pair(row: dict[str, Any], console: Console) -> None:
    """Print one pair's line."""
    lost = [*row["lost"], *(f"{name} (WRONG)" for name in row["wrong"])]
    console.print(
        f"{row['cover']} <- {row['secret']}  {row['bytes']:,} bytes  cover {row['cover_psnr']:.2f} dB "
        f"{row['cover_ssim']:.4f}{'  lost: ' + '; '.join(lost) if lost else ''}",
        soft_wrap=True,
    )


def show_anything(result: dict[str, Any], console: Console) -> None:
    """Print the table over the channels."""
    pairs = len(result["pairs"])
    table = Table(title=f"{pairs} pairs, made to survive anything", title_justify="left")
    table.add_column("channel")
    for name in ("recovered", "wrong", "played"):
        table.add_column(name, justify="right")
    for row in result["channels"]:
        wrong = Text(str(row["wrong"]), style="bold red") if row["wrong"] else ""
        table.add_row(row["channel"], f"{row['recovered']} of {pairs}", wrong, "yes" if row["played"] else "")
    console.print(table)
    mean, least = result["mean"], result["least"]
    console.print(
        f"recovered: {result['recovered']:.1%}; content: {mean['bytes']:,.0f} bytes, least {least['bytes']:,}\n"
        f"cover: {mean['cover_psnr']:.2f} dB, least {least['cover_psnr']:.2f}; SSIM {mean['cover_ssim']:.4f}, least "
        f"{least['cover_ssim']:.4f}; worst block {least['cover_worst_block']:.2f} dB"
    )


def show_detected(result: dict[str, Any], console: Console) -> None:
    """Print the table, and what it means."""
    kind = "" if result["quality"] is None else f", JPEG of quality {result['quality']}"
    title = f"{result['pictures']} pictures of {result['side']}x{result['side']}{kind}"
    table = Table(title=title, title_justify="left")
    for name in ("method", "bytes", "bits a pixel", "changed", "P_E", "caught at 5 % false alarms"):
        table.add_column(name, justify="left" if name == "method" else "right")
    for row in result["rows"]:
        payload = (f"{row['bytes']:,.0f}", f"{row['bits_per_pixel']:.3f}") if row["bytes"] else ("", "")
        error = f"{row['error']:.3f} ± {row['spread']:.3f}"
        table.add_row(row["method"], *payload, f"{row['changed']:.2%}", error, f"{row['caught']:.0%}")
    console.print(table)
    console.print(
        f"P_E is how often the detector is wrong on pictures that it was not trained on, half of them stegos: 0.5 is "
        f"guessing, 0 is certainty. It was trained on {result['trained_on']} pairs by hand-made features. Whoever "
        "trains on thousands of your kind of pictures, or a neural network, sees more; compare methods by it, and take "
        "it for no promise.",
        soft_wrap=True,
    )


class BenchPrinter:
    """Prints each row as soon as it is measured."""

    def __init__(self, console: Console):
        self.console = console
        self.section = ""

    def __call__(self, section: str, row: dict[str, Any]) -> None:
        show = {
            "machine": self._machine,
            "training": self._training,
            "ablation": self._component,
            "inference": self._inference,
            "sizes": self._size,
        }
        first, self.section = section != self.section, section
        show[section](row, first)

    def _line(self, text: str) -> None:
        self.console.print(text, soft_wrap=True, markup=False)

    def _machine(self, row: dict[str, Any], first: bool) -> None:
        if not row["gpu"]:
            self._line("No GPU here: these are the CPU's figures; pinned and non-blocking copies change nothing on it.")
        self._line(
            f"torch {row['torch']}, {row['precision']}, {row['threads']} threads, float32 matrix products at "
            f"{row['gigaflops_of_matrix_products']:.0f} GFLOP/s"
        )
        self._line(
            f"weights {row['weights']}: {row['teraflops_per_megapixel']:.2f} TFLOP for a pass over a megapixel; "
            f"hide and reveal in {row['inference']}"
        )

    def _training(self, row: dict[str, Any], first: bool) -> None:
        facts = Table(title="Training step", title_justify="left", show_header=False)
        facts.add_row("device", f"{row['device']}, {row['precision']}, {row['threads']} threads")
        facts.add_row("batch", f"{row['batch_size']} pairs of {row['crop']}x{row['crop']}")
        facts.add_row("speed", f"{row['samples_per_second']:.2f} samples/s")
        facts.add_row(f"epoch of {row['pairs_per_epoch']} pairs", f"{row['epoch_seconds']:.1f} s")
        facts.add_row(
            f"{row['epochs']} epochs, the last {row['float32_epochs']} in float32",
            f"{row['seconds_for_epochs'] / 60:.1f} min",
        )
        if row["utilisation_mean"] is not None:
            use = f"{row['utilisation_mean']:.0f} %"
            if row["utilisation_quartiles"]:
                use += " (quartiles " + ", ".join(f"{q:.0f}" for q in row["utilisation_quartiles"]) + ")"
            facts.add_row("utilisation", use)
        if row["memory_mib"] is not None:
            facts.add_row("memory", f"{row['memory_mib']:.0f} MiB, peak {row['peak_memory_mib']:.0f} MiB")
        if row["temperature_c"] is not None:
            facts.add_row("temperature", f"{row['temperature_c']:.0f} °C")
        facts.add_row("fallbacks", "; ".join(row["fallbacks"]) or "none")
        self.console.print(facts)

    def _component(self, row: dict[str, Any], first: bool) -> None:
        if first:
            self._line("Each component alone, and all together")
            self._line(f"{'component':24}{'samples/s':>12}{'speed-up here':>16}{'baseline said':>15}")
        claim = f"{row['baseline_claim']:14.2f}x" if row["baseline_claim"] else ""
        self._line(f"{row['component']:24}{row['samples_per_second']:12.2f}{row['speedup']:15.2f}x{claim}")

    def _inference(self, row: dict[str, Any], first: bool) -> None:
        self._line(
            f"the network: hide {row['hide_seconds_per_megapixel']:.2f} s, "
            f"reveal {row['reveal_seconds_per_megapixel']:.2f} s a megapixel"
        )

    def _size(self, row: dict[str, Any], first: bool) -> None:
        if first:
            self._line("Seconds, and the share of the matrix products' speed that the network reaches")
            self._line(
                f"{'megapixels':>10}{'network hide':>20}{'network reveal':>20}{'files hide':>12}{'files reveal':>14}"
                f"{'memory':>12}"
            )
        shares = [f"{row[f'{n}_seconds']:.2f} s, {100 * row[f'{n}_share_of_peak']:.0f} %" for n in ("hide", "reveal")]
        memory = f"{row['peak_memory_mib']:.0f} MiB" if row["peak_memory_mib"] else ""
        self._line(
            f"{row['megapixels']:10.2f}{shares[0]:>20}{shares[1]:>20}{row['file_hide_seconds']:10.2f} s"
            f"{row['file_reveal_seconds']:12.2f} s{memory:>12}"
        )
