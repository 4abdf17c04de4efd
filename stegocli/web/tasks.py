"""What the page asks for, done in a worker process: look at a cover, hide, reveal; with pictures to show of it."""

import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import api, inspection
from ..api import Revealed
from ..errors import StegoError
from ..inspection import Capacity
from ..methods import Method
from ..methods.base import Progress
from ..picture import files, look, outputs
from ..picture.files import Picture
from ..picture.inputs import Source
from . import ways

# Pixels of the longest side of what is shown; the files themselves keep theirs.
SHOWN = 1600
# Bytes of a revealed text that are shown.
SHOWN_TEXT = 20_000


@dataclass(frozen=True)
class Upload:
    """A file that came from the browser.

    Attributes:
        path: where it lies.
        name: what it was called there, safe to show.
    """

    path: Path
    name: str

    def source(self) -> Source:
        """Its bytes under the name that its owner knows: no message names a temporary file."""
        return Source(Path(self.name), Source.read(self.path).content)


@dataclass(frozen=True)
class Part:
    """A file that a task made.

    Attributes:
        path: where it lies.
        name: what a download is called; None for what is only shown, a PNG.
    """

    path: Path
    name: str | None = None


@dataclass(frozen=True)
class Result:
    """What came of a task.

    Attributes:
        told: for the page, as JSON takes it.
        parts: the files, by what the page calls them.
    """

    told: dict[str, Any]
    parts: dict[str, Part] = field(default_factory=dict)


class Asked(StegoError):
    """Nothing shows without a password, and none was given."""


@dataclass(frozen=True)
class Look:
    """See what a cover holds."""

    cover: Upload

    def run(self, folder: Path, progress: Progress, found: Callable[[dict[str, Any]], None]) -> Result:
        """As for each task.

        Args:
            folder: a new one, for the files that it makes.
            progress: called with what is being done and the share of it that is done.
            found: called with what is known before the end.

        Raises:
            StegoError: when it can't be done.
        """
        seen: list[dict[str, Any]] = []

        def held(capacity: Capacity) -> None:
            seen.append(asdict(capacity))
            found({"capacities": seen})

        known = inspection.info(self.cover.source(), progress=progress, held=held)
        holds = known.contents is not None
        return Result({"size": known.size, "holds": holds, "capacities": seen})


@dataclass(frozen=True)
class Hide:
    """Hide the secret in the cover."""

    cover: Upload
    secret: Upload
    method: Method

    def run(self, folder: Path, progress: Progress, found: Callable[[dict[str, Any]], None]) -> Result:
        cover = self.cover.source()
        end = ways.suffix(self.method, cover.content)
        name = str(Path(api.default_stego(cover)).with_suffix(end))
        stego = folder / f"stego{end}"
        parts = {"stego": Part(stego, name)}

        def show(pictures: api.Pictures) -> None:
            progress("drawing", 0.0)
            shown = {"cover": files.seen(pictures.cover).rgb, "stego": files.seen(pictures.stego).rgb}
            if pictures.secret is not None and pictures.revealed is not None:
                shown |= {"secret": pictures.secret, "revealed": pictures.revealed}
            for part, rgb in shown.items():
                parts[f"{part}-shown"] = _shown(folder / f"{part}-shown.png", rgb)
            change = look.residual(_thinned(pictures.cover.rgb), _thinned(pictures.stego.rgb))
            parts["residual-shown"] = _shown(folder / "residual-shown.png", change)

        done = api.hide(cover, self.secret.source(), stego, self.method, progress=progress, show=show)
        told = asdict(done) | {"path": name, "bytes": stego.stat().st_size}
        return Result(told, parts)


@dataclass(frozen=True)
class Reveal:
    """Bring back what is hidden."""

    stego: Upload
    password: str | None = field(default=None, repr=False)

    def run(self, folder: Path, progress: Progress, found: Callable[[dict[str, Any]], None]) -> Result:
        was_asked: list[bool] = []

        def password() -> str | None:
            was_asked.append(True)
            return self.password

        try:
            word = self.password or password
            done = api.reveal(self.stego.source(), f"{folder / 'revealed'}/", password=word, progress=progress)
        except StegoError as error:
            raise Asked(str(error)) if was_asked else error from None
        if done.parts:
            return _packed(done, folder, f"{Path(self.stego.name).stem}-revealed.zip")
        parts = {"secret": Part(done.path, done.path.name)}
        told = asdict(done) | {"path": done.path.name, "bytes": done.path.stat().st_size}
        if done.size is not None:
            progress("drawing", 0.0)
            parts["secret-shown"] = _shown(folder / "secret-shown.png", files.seen(files.read(done.path)).rgb)
        else:
            told["text"] = _text(done.path)
        return Result(told, parts)


Task = Look | Hide | Reveal


def _packed(done: Revealed, folder: Path, name: str) -> Result:
    """Several files as one to download."""
    packed = folder / "revealed.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for part in done.parts:
            if part.path is not None:
                file.write(part.path, part.path.relative_to(done.path))
    names = "\n".join(part.name for part in done.parts)
    told = asdict(done) | {"path": name, "bytes": packed.stat().st_size, "parts": [], "text": names}
    return Result(told, {"secret": Part(packed, name)})


def _thinned(rgb: np.ndarray) -> np.ndarray:
    """Every so many pixels of it: a mean would make a change look smaller than it is."""
    step = -(-max(rgb.shape[:2]) // SHOWN)
    return rgb[::step, ::step]


def _shown(path: Path, rgb: np.ndarray) -> Part:
    """A PNG for the page, made smaller where it is large."""
    height, width = rgb.shape[:2]
    share = min(1.0, SHOWN / max(height, width))
    size = max(1, round(width * share)), max(1, round(height * share))
    outputs.write_beside(path, files.encode(Picture(files.resize(np.ascontiguousarray(rgb), size)), ".png"))
    return Part(path)


def _text(path: Path) -> str | None:
    """The beginning of a file that is text in UTF-8; None for any other."""
    with path.open("rb") as file:
        content = file.read(SHOWN_TEXT + 1)
    try:
        text = content[:SHOWN_TEXT].decode("utf-8", "strict" if len(content) <= SHOWN_TEXT else "ignore")
    except UnicodeDecodeError:
        return None
    plain = all(c.isprintable() or c in "\n\r\t" for c in text)
    return text if plain and text else None
