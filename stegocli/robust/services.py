"""What known services do to a picture that is sent through them.

None of them can be reached from a test: the values are read from sources, with the date that is known, and simulated
with Pillow's scalers and libjpeg or libwebp. What no source tells is None: where that is the quality, the one in
`PRUDENT` is used. Every service may change its mind.
"""

from dataclasses import dataclass

# Design qualities that can be asked for, as libjpeg counts.
QUALITIES = range(30, 96)
# What can be asked for beside a quality and a service.
ANYTHING = "anything"
# At the end of a quality or a service's name: a thumbnail beneath, which survives nearly anything.
BENEATH = "+thumbnail"
# Where no source tells a quality.
PRUDENT = 60


@dataclass(frozen=True)
class Service:
    """One service's way with pictures.

    Attributes:
        name: as given on the command line.
        longest_side: in pixels; larger pictures are made smaller.
        quality: of the JPEG or WebP, as libjpeg and libwebp count; None where no source tells.
        source: where these values come from.
        date: when they held: a date, or the version of the source that was read.
        codec: "JPEG" or "WebP".
        scaler: how it makes pictures smaller, in words; None where no source tells.
        note: what else it does.
    """

    name: str
    longest_side: int
    quality: int | None
    source: str
    date: str
    codec: str = "JPEG"
    scaler: str | None = None
    note: str = ""

    @property
    def design_quality(self) -> int:
        """The quality that a stego must survive."""
        return self.quality or PRUDENT


_SIGNAL = "Signal Desktop, ts/util/scaleImageToLevel"
_TELEGRAM = "Telegram Desktop, storage/localimageloader.cpp"
_TESTS = "a podcast's tests"

SERVICES = {
    service.name: service
    for service in (
        Service(
            "signal", 1600, 70, _SIGNAL, "1d45a52", scaler="the browser's canvas",
            note="standard; passes files up to 0.2 MiB unscaled, and makes those over 1 MiB smaller still",
        ),
        Service("signal-2", 2048, 75, _SIGNAL, "1d45a52", scaler="the browser's canvas", note="its second level"),
        Service("signal-hq", 4096, 75, _SIGNAL, "1d45a52", scaler="the browser's canvas", note="high quality"),
        Service(
            "telegram", 1280, 87, _TELEGRAM, "not known", scaler="Qt, smooth",
            note="progressive; a JPEG that is small enough, of at most 4 bits a pixel, keeps its coefficients",
        ),
        Service(
            "telegram-large", 2560, 87, _TELEGRAM, "not known", scaler="Qt, smooth",
            note="its option for larger pictures",
        ),
        Service(
            "whatsapp", 1600, 62, "measured by the author of phasm (its README)", "not known",
            note="standard; about this quality",
        ),
        Service("facebook", 1920, None, _TESTS, "2021", note="recompresses"),
        Service("instagram", 1080, None, _TESTS, "2021", note="recompresses"),
        Service("x", 4096, None, _TESTS, "2021", note="recompresses"),
        Service(
            "mastodon", 2880, 90, "Mastodon, app/models/media_attachment.rb", "not known",
            scaler="ImageMagick or libvips", note="at most 8.3 megapixels, which no picture of this side has more than",
        ),
        Service(
            "bluesky", 2000, None, "Bluesky's app, src/lib/media/image/compress.ts", "0fbbd78",
            note="the finest quality from 26 up at which the file has at most a megabyte",
        ),
        Service(
            "misskey", 2048, 85, "Misskey, packages/backend, ImageProcessingService", "1274ecd", "WebP",
            scaler="libvips, Lanczos", note="the copy that pages show; the file itself is kept",
        ),
    )
}  # fmt: skip
