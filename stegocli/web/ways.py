"""What the page calls the methods, in plain words with their price, and the method that a choice means."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import StegoError
from ..methods import Auto, Discreet, Exact, Flow, Method, Robust
from ..methods.discreet import SIZES
from ..robust.services import SERVICES

# Decibels of the cover that can be asked for, as on the command line.
LEAST_PSNR, MOST_PSNR = 20.0, 70.0
_COPIES = "Copies of the very file"
_ANYONE = "Anyone who has stego; with a password only who knows it"


@dataclass(frozen=True)
class Way:
    """One card of the page.

    Attributes:
        key: what the page sends.
        method: whose capacity counts, as `inspection.Capacity` names it; None where the tool chooses.
        title, sentence: what it is.
        looks, comes_back, survives, who: its price.
        options: what else can be chosen: password, cover_psnr, survive, size, shrink.
        cover_psnr: what that is at first, dB; None where it is no option.
        pictures_only: whether the secret must be a picture.
        password_needed: whether it hides nothing without.
    """

    key: str
    method: str | None
    title: str
    sentence: str
    looks: str
    comes_back: str
    survives: str
    who: str
    options: tuple[str, ...] = ()
    cover_psnr: float | None = None
    pictures_only: bool = False
    password_needed: bool = False


WAYS = (
    Way(
        "auto", None, "Best for this pair", "Looks at both files, takes what serves them best, and says why.",
        "No difference to the eye", "Photographs nearly the same, small files bit for bit", _COPIES, _ANYONE,
        ("password",),
    ),
    Way(
        "exact", Exact.name, "Every bit back", "Any file, whole: the same bytes come back.",
        "Finer the less you hide; grain when full", "The same file, bit for bit", _COPIES, _ANYONE,
        ("password", "cover_psnr"), 40.0,
    ),
    Way(
        "flow", Flow.name, "By the network", "A picture as large as the cover, laid into it by a neural network.",
        "No difference to the eye", "A picture a grey level or two off", _COPIES, "Anyone who has stego",
        pictures_only=True,
    ),
    Way(
        "fit", Exact.name, "As fine as fits", "You say how well the cover keeps; the secret gets all that leaves.",
        "As good as you ask for", "A picture as fine as there is room", _COPIES, _ANYONE,
        ("password", "cover_psnr"), 46.0, pictures_only=True,
    ),
    Way(
        "survive", Robust.name, "Through a messenger", "Bears being compressed again, as messengers and sites do.",
        "Slight grain when you zoom in", "Small files whole, pictures coarser", "JPEG, down to what you choose",
        _ANYONE, ("password", "survive"),
    ),
    Way(
        "discreet", Discreet.name, "Hardly detected", "Changes very little, where nobody can predict the picture.",
        "No difference, to detectors hardly one", "A note, or a very small file", _COPIES,
        "Only who knows the password", ("password", "size", "shrink"), password_needed=True,
    ),
)  # fmt: skip


def method(choice: Mapping[str, Any]) -> Method:
    """The method that the page's choice means.

    Args:
        choice: `way`, and of its options `password`, `cover_psnr`, `survive`, `size`, `shrink`; others are ignored.

    Raises:
        StegoError: for a way or a value that the page does not offer.
    """
    way = next((way for way in WAYS if way.key == choice.get("way")), None)
    if way is None:
        raise StegoError("There is no such way to hide: choose one of the cards.")
    word = password(choice)
    if way.key == "flow":
        return Flow()
    if way.key == "survive":
        return Robust(str(choice.get("survive", "75")), word)
    if way.key == "discreet":
        return Discreet(str(choice.get("size", SIZES[1])), word, bool(choice.get("shrink")))
    if way.cover_psnr is None:
        return Auto(password=word)
    return Exact(word, _decibels(choice.get("cover_psnr", way.cover_psnr)), fit=way.key == "fit")


def password(choice: Mapping[str, Any]) -> str | None:
    """The password that the page sends; None for none.

    Raises:
        StegoError: for what can't be one.
    """
    word = choice.get("password") or None
    if word is not None and not isinstance(word, str):
        raise StegoError("The password is no text: type it anew.")
    return word


def _decibels(value: Any) -> float:
    if not isinstance(value, (int, float)) or not LEAST_PSNR <= value <= MOST_PSNR:
        raise StegoError(f"The cover quality is a number of decibels from {LEAST_PSNR:g} to {MOST_PSNR:g}.")
    return float(value)


def suffix(chosen: Method, cover: bytes) -> str:
    """What the stego's name ends in: a JPEG where that is what the method is for."""
    is_jpeg = cover[:2] == b"\xff\xd8"
    if isinstance(chosen, Robust):
        return ".jpg"
    return ".jpg" if isinstance(chosen, Discreet) and is_jpeg and not chosen.shrink else ".png"


def services() -> list[dict[str, Any]]:
    """What a stego can be made to survive, for a list to choose from."""
    return [
        {"name": name, "quality": service.design_quality, "side": service.longest_side}
        for name, service in SERVICES.items()
    ]
