"""What the server answers: the page, its files, uploads and jobs."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from importlib import resources
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from .. import __version__
from ..errors import StegoError
from ..methods.discreet import SIZES
from ..picture import claims, files
from ..picture.inputs import Source, reason
from . import ways
from .jobs import Job, TooMany
from .security import BROKEN, Guard, Hosts, Sessions
from .store import Gone, Kept, Store, shown_name
from .tasks import Hide, Look, Reveal, Task, Upload

# Uploads at a time.
MOST_UPLOADS = 4
# Bytes of a request that is no file.
MOST_TOLD = 16_384
_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# Of files that anyone may have made: no browser shows or runs them.
_DOWNLOAD = "application/octet-stream"


class TooLarge(StegoError):
    """More was sent than is taken."""


def create(store: Store, sessions: Sessions, hosts: Hosts) -> ASGIApp:
    """The application.

    Args:
        store: of files and jobs; running.
        sessions: who may use it.
        hosts: the names under which it answers.
    """
    routes = [
        *_page(),
        Route("/api/session", _Session(sessions).open, methods=["POST"]),
        Route("/api/about", _about),
        *_Files(store).routes(),
        *_Jobs(store).routes(),
    ]
    handlers: dict[Any, Any] = {StegoError: _told, HTTPException: _not_found, Exception: _broken}
    return Guard(Starlette(routes=routes, exception_handlers=handlers), hosts, sessions)


def _page() -> list[Route]:
    """The page's own files: they are few, and no path from a request leads to a disk."""
    routes = []
    for file in resources.files(__package__).joinpath("static").iterdir():
        content, kind = file.read_bytes(), _KINDS["." + file.name.rpartition(".")[2]]
        place = "/" if file.name == "index.html" else f"/{file.name}"
        routes.append(Route(place, _constant(content, kind)))
    return routes


def _constant(content: bytes, kind: str) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        return Response(content, media_type=kind)

    return answer


async def _told(request: Request, error: Exception) -> Response:
    status = 404 if isinstance(error, Gone) else 413 if isinstance(error, TooLarge) else 400
    return JSONResponse({"error": str(error)}, 429 if isinstance(error, TooMany) else status)


async def _not_found(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": "There is nothing here."}, error.status_code)


async def _broken(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": BROKEN}, 500)


async def _about(request: Request) -> Response:
    """What the page shows before anything is chosen."""
    told = {"version": __version__, "ways": [asdict(way) for way in ways.WAYS], "services": ways.services()}
    return JSONResponse(told | {"sizes": SIZES})


async def _json(request: Request) -> dict[str, Any]:
    """What a request says.

    Raises:
        StegoError: for anything but a short JSON object.
    """
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > MOST_TOLD:
            raise TooLarge("This is longer than anything that the page sends.")
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        raise StegoError("This is nothing that the page sends.") from None
    if not isinstance(said, dict):
        raise StegoError("This is nothing that the page sends.")
    return said


class _Session:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def open(self, request: Request) -> Response:
        """A key for the code of the address."""
        key = self._sessions.exchange(str((await _json(request)).get("code", "")))
        if key is None:
            why = "This address was used already, or is not the one that `stego serve` printed last."
            return JSONResponse({"error": why}, 401)
        return JSONResponse({"key": key})


class _Files:
    """Uploads: sent as they are, with their name in a header."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turns = asyncio.Semaphore(MOST_UPLOADS)

    def routes(self) -> list[Route]:
        return [
            Route("/api/files", self.take, methods=["POST"]),
            Route("/api/files/{file}", self.tell),
            Route("/api/files/{file}", self.drop, methods=["DELETE"]),
            Route("/api/files/{file}/content", self.give),
        ]

    async def take(self, request: Request) -> Response:
        name = shown_name(unquote(request.headers.get("x-name", "")))
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > claims.MOST_SENT:
            raise _too_large(name)
        async with self._turns:
            return self._told(await self._taken(request, Upload(self._store.place(), name)))

    async def _taken(self, request: Request, upload: Upload) -> Kept:
        name = upload.name
        try:
            with upload.path.open("xb") as file:
                async for chunk in request.stream():
                    file.write(chunk)
                    if file.tell() > claims.MOST_SENT:
                        raise _too_large(name)
                taken = file.tell()
            if not taken:
                raise StegoError(f"{name} is empty: choose a file that holds something.")
            size = await run_in_threadpool(lambda: files.size_of(Source.read(upload.path).content))
            return self._store.keep(request.state.owner, upload, taken, size)
        except (StegoError, ClientDisconnect):
            upload.path.unlink(missing_ok=True)
            raise
        except OSError as error:
            upload.path.unlink(missing_ok=True)
            raise StegoError(f"{name} can't be kept ({reason(error)}): make room on the disk.") from None

    async def tell(self, request: Request) -> Response:
        return self._told(self._found(request))

    async def give(self, request: Request) -> Response:
        """Back to the page that sent it, after a reload."""
        return FileResponse(self._found(request).upload.path, media_type=_DOWNLOAD)

    async def drop(self, request: Request) -> Response:
        self._store.drop(self._found(request))
        return Response(status_code=204)

    def _found(self, request: Request) -> Kept:
        return self._store.file(request.state.owner, request.path_params["file"])

    def _told(self, kept: Kept) -> Response:
        return JSONResponse({"id": kept.id, "name": kept.upload.name, "bytes": kept.bytes, "size": kept.size})


def _too_large(name: str) -> TooLarge:
    most = claims.MOST_SENT / 1e6
    return TooLarge(f"{name} has more than {most:.0f} MB, the most that any picture holds: choose a smaller file.")


class _Jobs:
    """What is to be done, how far it is, and what came of it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        return [
            Route("/api/jobs", self.begin, methods=["POST"]),
            Route("/api/jobs/{job}", self.tell),
            Route("/api/jobs/{job}", self.drop, methods=["DELETE"]),
            Route("/api/jobs/{job}/{part}", self.give),
        ]

    async def begin(self, request: Request) -> Response:
        said, owner = await _json(request), request.state.owner
        return self._told(self._store.begin(owner, self._task(owner, said)))

    def _task(self, owner: str, said: dict[str, Any]) -> Task:
        def upload(role: str) -> Upload:
            return self._store.file(owner, str(said.get(role))).upload

        kind = said.get("kind")
        if kind == "look":
            return Look(upload("cover"))
        if kind == "hide":
            return Hide(upload("cover"), upload("secret"), ways.method(said))
        if kind == "reveal":
            return Reveal(upload("stego"), ways.password(said))
        raise StegoError("There is no such job: reload the page.")

    async def tell(self, request: Request) -> Response:
        return self._told(self._found(request))

    async def give(self, request: Request) -> Response:
        """One of the files that it made, by a name that the job itself gave."""
        job = self._found(request)
        part = job.result.parts.get(request.path_params["part"]) if job.result else None
        if part is None:
            raise Gone("There is no such file.")
        return FileResponse(part.path, media_type="image/png" if part.name is None else _DOWNLOAD, filename=part.name)

    async def drop(self, request: Request) -> Response:
        await run_in_threadpool(self._store.drop, self._found(request))
        return Response(status_code=204)

    def _found(self, request: Request) -> Job:
        return self._store.job(request.state.owner, request.path_params["job"])

    def _told(self, job: Job) -> Response:
        told = {
            "id": job.id, "state": job.state, "stage": job.stage, "share": job.share, "ahead": self._store.ahead(job),
            "found": job.found, "error": job.error, "asked": job.asked,
        }  # fmt: skip
        if job.result is not None:
            told |= {"result": job.result.told, "parts": {k: part.name for k, part in job.result.parts.items()}}
        return JSONResponse(told)
