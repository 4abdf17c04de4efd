"""The page in a real browser: Debian's Chromium, driven by Playwright."""

import contextlib
import re
import time

import pytest
from pictures import natural, photograph
from PIL import Image
from serving import png

from stegocli import Exact, hide, reveal

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
pytestmark = pytest.mark.slow

NOTE = "Meet me at noon."
WORDS = "correct horse battery staple"
TIMEOUT = 300_000


@pytest.fixture(scope="module")
def context(chromium, server):
    """A browser with a session; what its pages complain of fails the test that sees it."""
    made = chromium.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    made.set_default_timeout(TIMEOUT)
    first = made.new_page()
    first.goto(server.address())
    first.wait_for_selector("html[data-ready]", state="attached")
    made.base = first.url
    yield made
    made.close()


@contextlib.contextmanager
def opened(context):
    """A new tab of the browser that has the session already."""
    page, complaints = context.new_page(), []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    # What was dropped meanwhile is asked for in vain, which the browser notes, too.
    page.on(
        "console",
        lambda said: complaints.append(said.text) if said.type == "error" and "404" not in said.text else None,
    )
    page.goto(context.base)
    page.wait_for_selector("html[data-ready]", state="attached")
    yield page
    page.close()
    assert not complaints


@pytest.fixture
def page(context):
    with opened(context) as tab:
        yield tab


def choose(page, role, content, name):
    page.set_input_files(f"[data-drop={role}] input", {"name": name, "mimeType": "", "buffer": content})
    page.wait_for_selector(f"[data-drop={role}].full")


def hidden(page, way, cover, secret, name="secret.png", **fields):
    """Fill in the form, send it, and wait for its end."""
    choose(page, "cover", cover, "cover.png")
    choose(page, "secret", secret, name)
    page.check(f"input[name=way][value={way}]")
    for field, value in fields.items():
        page.fill(f"#{field.replace('_', '-')}", value)
    page.click("#hide-go")
    page.wait_for_selector("#hide-result h2")


def saved(page, link, folder):
    with page.expect_download() as download:
        page.click(link)
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def until(page, condition, argument=None):
    """Wait for an expression to be true; Playwright's own way evaluates text in the page, which its policy forbids."""
    for _ in range(TIMEOUT // 50):
        if page.evaluate(condition, argument):
            return
        page.wait_for_timeout(50)
    raise AssertionError(condition)


def seen(page, selector):
    """Wait until a picture is decoded: its size."""
    until(page, "s => document.querySelector(s)?.naturalWidth > 0", selector)
    return tuple(
        page.evaluate(
            "s => [document.querySelector(s).naturalWidth, document.querySelector(s).naturalHeight]", selector
        )
    )


# -- hide and reveal ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "way, fields",
    [
        pytest.param("flow", {}, marks=pytest.mark.network),
        ("exact", {"hide_password": WORDS}),
        ("fit", {}),
        ("survive", {}),
    ],
)
def test_a_picture_is_hidden_looked_at_saved_and_revealed(page, tmp_path, way, fields):
    hidden(page, way, png(160, 200), png(32, 40, 2), **fields)
    assert page.text_content("#hide-result h2").startswith("Hidden")
    assert seen(page, ".compare .left") == seen(page, ".compare .right") == (200, 160)
    stego = saved(page, "#hide-result .download", tmp_path)
    assert stego.name == ("cover-stego.jpg" if way == "survive" else "cover-stego.png")
    page.click("#tab-reveal")
    choose(page, "stego", stego.read_bytes(), stego.name)
    if fields:
        page.wait_for_selector("text=Nothing shows in this picture")
        page.fill("#reveal-password", WORDS)
        page.press("#reveal-password", "Enter")
    page.wait_for_selector("#reveal-done")
    assert seen(page, ".whole") == (40, 32)
    revealed = saved(page, "#reveal-result .download", tmp_path)
    with Image.open(revealed) as picture:
        assert picture.size == (40, 32)
    assert revealed.read_bytes() == png(32, 40, 2) or way not in ("exact",)


def test_a_note_is_hidden_so_that_it_is_hardly_detected(page, tmp_path):
    pytest.importorskip("jpeglib")
    cover = tmp_path / "cover.png"
    Image.fromarray(photograph(320, 360)).save(cover)
    hidden(page, "discreet", cover.read_bytes(), NOTE.encode(), "note.txt", hide_password=WORDS)
    assert page.text_content("#hide-result h2") == "Hidden"
    stego = saved(page, "#hide-result .download", tmp_path)
    found = reveal(stego, tmp_path / "note.txt", password=WORDS)
    assert found.path.read_text() == NOTE and found.method == "discreet"


def test_a_text_is_shown_as_text_and_never_as_a_page(page, tmp_path):
    hidden(page, "exact", png(96, 128), b"<img src=x onerror='document.title=1'><h1>hello</h1>", "page.html")
    stego = saved(page, "#hide-result .download", tmp_path)
    page.click("#tab-reveal")
    choose(page, "stego", stego.read_bytes(), "stego.png")
    page.wait_for_selector("#reveal-done")
    assert page.text_content("#reveal-result pre").startswith("<img src=x")
    assert not page.query_selector("#reveal-result pre *") and page.title() == "Reveal · stego"
    assert saved(page, "#reveal-result .download", tmp_path).name == "page.html"


def test_the_slider_and_the_difference_answer_to_keys(page):
    hidden(page, "fit", png(96, 128), png(20, 24, 2))
    page.focus(".compare input")
    before = page.input_value(".compare input")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert int(page.input_value(".compare input")) == int(before) + 3
    assert page.get_attribute(".compare input", "aria-valuetext") == "53 % cover"
    assert (
        page.evaluate("getComputedStyle(document.querySelector('.compare .right')).clipPath")
        == "inset(0px 0px 0px 53%)"
    )
    page.focus(".switch")
    page.keyboard.press("Space")
    assert seen(page, ".residual") == (128, 96) and page.is_hidden(".compare")
    assert "twenty times" in page.text_content("#hide-result figcaption")
    page.keyboard.press("Space")
    page.click("text=Secret and revealed")
    until(page, "document.querySelector('.compare .left').alt === 'Secret'")
    assert seen(page, ".compare .left") == (24, 20) and page.is_hidden(".switch")


def test_by_keyboard_alone(page):
    files = {"cover": png(96, 128), "secret": NOTE.encode()}
    choosers = []
    # Once for all: the browser takes note of it somewhat later.
    page.on("filechooser", lambda chooser: choosers.append(chooser))
    page.wait_for_timeout(500)
    for (role, content), key in zip(files.items(), ("Enter", "Space"), strict=True):
        page.focus(f"[data-drop={role}] input")
        page.keyboard.press(key)
        deadline = time.monotonic() + TIMEOUT / 1000
        while not choosers and time.monotonic() < deadline:
            page.wait_for_timeout(50)
        choosers.pop().set_files({"name": role, "mimeType": "", "buffer": content})
        page.wait_for_selector(f"[data-drop={role}].full")
    page.focus("input[name=way]:checked")
    page.keyboard.press("ArrowDown")
    assert page.input_value("input[name=way]:checked") == "exact"
    page.focus("#hide-password")
    page.keyboard.press("Enter")
    page.wait_for_selector("#hide-done")
    # Whoever does not see it is led to it.
    assert page.evaluate("document.activeElement.id") == "hide-done"
    page.focus("#tab-hide")
    page.keyboard.press("ArrowRight")
    assert page.is_visible("#reveal") and page.is_hidden("#hide")


def test_dropping_a_file_takes_it(page):
    transfer = page.evaluate_handle(
        "text => { const t = new DataTransfer(); t.items.add(new File([text], 'note.txt')); return t; }", NOTE
    )
    page.dispatch_event("[data-drop=secret] .zone", "dragenter", {"dataTransfer": transfer})
    assert page.query_selector("[data-drop=secret].over")
    page.dispatch_event("[data-drop=secret] .zone", "drop", {"dataTransfer": transfer})
    page.wait_for_selector("[data-drop=secret].full")
    assert "note.txt" in page.text_content("#secret-state") and not page.query_selector(".over")
    page.click("[data-drop=secret] .remove")
    assert not page.query_selector("[data-drop=secret].full")


def test_what_the_cover_holds_appears_and_ways_that_can_not_be_are_not_offered(page):
    choose(page, "cover", png(160, 200), "cover.png")
    until(page, "document.querySelectorAll('.room.good').length >= 4")
    page.check("input[value=flow]")
    choose(page, "secret", NOTE.encode(), "note.txt")
    assert page.is_disabled("input[value=flow]") and page.is_disabled("input[value=fit]")
    assert page.input_value("input[name=way]:checked") == "auto"
    page.check("input[value=discreet]")
    assert "needs a password" in page.text_content("#hide-hint")
    page.press("#hide-go", "Enter")
    assert page.is_hidden("#hide-work") and page.is_hidden("#hide-result")


# -- what fails -------------------------------------------------------------------------------------------------------


def test_a_wrong_password_is_told_and_another_can_be_tried(page, tmp_path):
    cover, note, stego = (tmp_path / name for name in ("cover.png", "note.txt", "stego.png"))
    cover.write_bytes(png(96, 128))
    note.write_text(NOTE)
    hide(cover, note, stego, Exact(password=WORDS))
    page.click("#tab-reveal")
    choose(page, "stego", stego.read_bytes(), "stego.png")
    page.wait_for_selector("text=Nothing shows in this picture")
    page.fill("#reveal-password", "wrong")
    page.click("#reveal-result form .primary")
    page.wait_for_selector("text=It does not open")
    assert "the password is wrong" in page.text_content("#reveal-result .why")
    page.fill("#reveal-password", WORDS)
    page.click("#reveal-result form .primary")
    page.wait_for_selector("#reveal-done")
    assert page.text_content("#reveal-result pre") == NOTE
    assert "The password opened it" in page.text_content("#reveal-result .because")


def test_a_broken_picture_is_told(page):
    choose(page, "cover", png(96, 128)[:400], "broken.png")
    page.wait_for_selector("#cover-state em")
    assert "broken.png is damaged" in page.text_content("#cover-state")
    choose(page, "secret", NOTE.encode(), "note.txt")
    assert not page.query_selector(".room.good") and page.text_content(".card:has([value=exact]) .room") == ""
    page.click("#hide-go")
    page.wait_for_selector("text=It could not be hidden")
    assert "broken.png is damaged" in page.text_content("#hide-result .why")
    page.click("#tab-reveal")
    choose(page, "stego", b"no picture", "broken.jpg")
    page.wait_for_selector("text=It can't be revealed")
    assert "broken.jpg is not a picture" in page.text_content("#reveal-result .why")


def test_a_secret_that_is_too_large_is_told_with_what_would_do(page):
    hidden(page, "exact", png(48, 48), png(160, 200, 2))
    why = page.text_content("#hide-result .why")
    assert "secret.png needs" in why and "“As fine as fits”" in why and "--" not in why


def test_without_the_address_the_page_is_locked(chromium, context):
    stranger = chromium.new_context()
    page = stranger.new_page()
    page.goto(context.base)
    page.wait_for_selector("text=This page is locked")
    assert page.is_hidden("#hide") and page.is_hidden(".tabs")
    stranger.close()


def test_the_code_does_not_stay_in_the_address(context):
    assert "#" not in context.base and context.pages[0].evaluate("location.hash") == ""


# -- tabs and reloads -------------------------------------------------------------------------------------------------


def test_two_tabs_at_once_each_get_their_own(context, tmp_path):
    with opened(context) as one, opened(context) as other:
        for page, text in ((one, "one"), (other, "other")):
            choose(page, "cover", png(96, 128), "cover.png")
            choose(page, "secret", text.encode(), f"{text}.txt")
            page.check("input[value=exact]")
        for page in (one, other):
            page.click("#hide-go")
        for page, text in ((one, "one"), (other, "other")):
            page.wait_for_selector("#hide-done")
            (tmp_path / text).mkdir()
            stego = saved(page, "#hide-result .download", tmp_path / text)
            assert reveal(stego, tmp_path / f"{text}.txt").path.read_text() == text


def test_a_reload_in_mid_job_loses_nothing(page):
    choose(page, "cover", png(400, 500), "cover.png")
    choose(page, "secret", png(200, 250, 2), "secret.png")
    page.check("input[value=fit]")
    page.click("#hide-go")
    page.wait_for_selector("#hide-work progress")
    until(page, "sessionStorage.getItem('stego-page').includes('hide-job')")
    page.reload()
    page.wait_for_selector("#hide-result h2")
    assert page.text_content("#hide-result h2").startswith("Hidden")
    assert "cover.png" in page.text_content("#cover-state") and "secret.png" in page.text_content("#secret-state")
    assert seen(page, ".compare .right") == (500, 400)
    # And what is done stays where it is, too.
    page.reload()
    page.wait_for_selector("#hide-done")


def test_a_job_can_be_stopped_and_started_again(page):
    choose(page, "cover", png(400, 500), "cover.png")
    choose(page, "secret", png(200, 250, 2), "secret.png")
    page.check("input[value=fit]")
    page.click("#hide-go")
    page.click("#hide-work button")
    assert page.is_hidden("#hide-work") and page.is_hidden("#hide-result")
    choose(page, "secret", NOTE.encode(), "note.txt")
    page.check("input[value=exact]")
    page.click("#hide-go")
    page.wait_for_selector("#hide-done")


@pytest.mark.network
def test_a_photograph_of_12_megapixels_from_a_phone(page, tmp_path):
    small = Image.fromarray(natural(300, 400))
    exif = small.getexif()
    exif[0x0112] = 6  # held upright
    small.resize((4000, 3000), Image.Resampling.BICUBIC).save(tmp_path / "photo.jpg", exif=exif, quality=88)
    hidden(page, "exact", (tmp_path / "photo.jpg").read_bytes(), NOTE.encode(), "note.txt")
    assert page.text_content("#hide-result h2") == "Hidden", page.text_content("#hide-result")
    # It is shown upright, and smaller than it is; the file keeps its size.
    assert seen(page, ".compare .left") == seen(page, ".compare .right") == (1200, 1600)
    stego = saved(page, "#hide-result .download", tmp_path)
    with Image.open(stego) as picture:
        assert picture.size == (3000, 4000)
    assert reveal(stego, tmp_path / "note.txt").path.read_text() == NOTE


# -- for everybody ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width, scheme", [(1280, "light"), (390, "dark")])
def test_nothing_overflows_and_axe_finds_nothing_serious(context, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    with opened(context) as page:
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=scheme)

        def check(where):
            found = axe.Axe().run(page).response["violations"]
            serious = [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")]
            assert not serious, f"{where}: {serious}"
            assert page.evaluate("document.documentElement.scrollWidth") <= width, where

        check("empty")
        page.check("input[value=discreet]")
        check("all options")
        hidden(
            page, "fit", png(96, 128), png(20, 24, 2), "a-secret-with-a-name-that-is-rather-long-and-has-no-space.png"
        )
        seen(page, ".compare .right")
        check("hidden")
        page.click("#tab-reveal")
        choose(page, "stego", png(48, 48), "plain.png")
        page.wait_for_selector("text=Nothing shows in this picture")
        check("nothing")


def test_every_picture_and_field_has_a_name(page):
    hidden(page, "exact", png(96, 128), png(20, 24, 2))
    seen(page, ".compare .right")
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll('input, select, button, [role=tab], progress')]
            .filter(e => e.offsetParent && !e.labels?.length && !e.getAttribute('aria-label') && !e.textContent.trim())
            .map(e => e.outerHTML)"""
    )
    assert not unnamed
    pictures = page.evaluate("[...document.querySelectorAll('main img')].filter(e => e.offsetParent).map(e => e.alt)")
    assert all(pictures) and re.search(r"\d dB apart", page.text_content("#hide-result figcaption"))
