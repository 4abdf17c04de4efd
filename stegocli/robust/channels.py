"""What known services do to a picture that is sent through them.

None of them can be reached from a test: the values are read from sources, with the date that is known, and simulated
with libjpeg. What no source tells is None: where that is the quality, the one in `PRUDENT` is used. Every service
may change its mind.
"""

from dataclasses import dataclass

# Design qualities that can be asked for, as libjpeg counts.
QUALITIES = range(30, 96)
# Where no source tells a quality.
PRUDENT = 60


@dataclass(frozen=True)
class Channel:
    """One service's way with pictures.

    Attributes:
        name: as given on the command line.
        longest_side: in pixels; larger pictures are made smaller.
        quality: of the JPEG, as libjpeg counts; None where no source tells.
        subsampling: "4:2:0"; None where no source tells (4:2:0 and 4:4:4 are both simulated).
        source: where these values come from.
        date: when they held, as far as the source tells.
        note: what else it does.
    """

    name: str
    longest_side: int
    quality: int | None
    subsampling: str | None
    source: str
    date: str
    note: str = ""

    @property
    def design_quality(self) -> int:
        """The quality that a stego must survive."""
        return self.quality or PRUDENT


_SIGNAL = "the source code of Signal for Android and Desktop"
_TESTS = "a podcast's tests"

CHANNELS = {
    channel.name: channel
    for channel in (
        Channel(
            "signal", 1600, 70, None, _SIGNAL, "not known",
            "standard; Desktop passes files up to 0.2 MiB without EXIF unchanged",
        ),
        Channel("signal-2", 2048, 75, None, _SIGNAL, "not known", "its second level"),
        Channel("signal-hq", 4096, 75, None, _SIGNAL, "not known", "high quality"),
        Channel(
            "telegram", 1280, 87, None, "the source code of Telegram Desktop, localimageloader.cpp", "not known",
            "progressive; a JPEG that is small enough, of at most 4 bits a pixel, keeps its coefficients",
        ),
        Channel(
            "telegram-large", 2560, 87, None, "the source code of Telegram Desktop, localimageloader.cpp", "not known",
            "its option for larger pictures",
        ),
        Channel(
            "whatsapp", 1600, 62, None, "measured by the author of phasm (its README)", "not known",
            "standard; about this quality",
        ),
        Channel("facebook", 1920, None, None, _TESTS, "2021", "recompresses"),
        Channel("instagram", 1080, None, None, _TESTS, "2021", "recompresses"),
        Channel("x", 4096, None, None, _TESTS, "2021", "recompresses"),
    )
}  # fmt: skip
