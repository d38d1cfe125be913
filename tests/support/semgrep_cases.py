"""Files that break the rules of .semgrep.yaml: each line that must be found names its rule.

``# BAD RULE`` (``// BAD RULE`` in TypeScript) ends such a line; no other may be found.
"""

CASES: dict[str, str] = {
    "services/gateway/rest_answers.py": """
import traceback
from starlette.exceptions import HTTPException

def answer(work, context):
    try:
        work()
    except ValueError as error:
        raise HTTPException(400, str(error))  # BAD exception-text-in-answer
    except KeyError as error:
        return {"message": f"no {error}"}  # BAD exception-text-in-answer
    except TypeError as error:
        return {"message": repr(error)}  # BAD exception-text-in-answer
    except OSError as error:
        context.abort(13, error.details())  # BAD exception-text-in-answer
    except LookupError as error:
        return {"message": error.args[0]}  # BAD exception-text-in-answer
    except RuntimeError as error:
        return {"message": traceback.format_exc()}  # BAD exception-text-in-answer
    except MemoryError as error:
        return {"message": "There is no room for it.", "reason": type(error).__name__}
    return {"count": str(work), "text": f"{work}"}
""",
    "services/gateway/commands.py": """
def tell(work):
    try:
        work()
    except ValueError as error:
        print(str(error))
""",
    "services/retrieval/logs.py": """
import logging
import traceback

log = logging.getLogger(__name__)

def tell(error, words, request, task, store):
    log.exception("it failed")  # BAD exception-text-in-log
    log.error("it failed", exc_info=True)  # BAD exception-text-in-log
    traceback.print_exc()  # BAD exception-text-in-log
    task.exception()
    log.info("search", words=words)  # BAD query-in-log-or-trace
    log.info("search %s", request.text)  # BAD query-in-log-or-trace
    log.warning("search", given=request.query.modification)  # BAD query-in-log-or-trace
    log.info("search", words=words[:50])  # BAD query-in-log-or-trace
    log.info("search", words=str(words))  # BAD query-in-log-or-trace
    log.info(f"search for {words}")  # BAD query-in-log-or-trace
    log.info("search", words=len(words))
    store.info(words=words)
    log.info("search", seconds=1.5)
    log.error("failed", reason=type(error).__name__)
""",
    "services/retrieval/spans.py": """
def tell(span, picture, hits):
    span.set_attribute("picture", picture)  # BAD query-in-log-or-trace
    span.set_attribute("hits", hits)
""",
    "services/indexer/pictures.py": """
import asyncio
import httpx  # BAD http-outside-of-the-guard
import requests  # BAD http-outside-of-the-guard
import urllib.request  # BAD http-outside-of-the-guard
from http.client import HTTPException
from http.client import HTTPSConnection
from urllib.parse import urlsplit
from urllib.request import urlopen  # BAD http-outside-of-the-guard

def ask(host):
    return HTTPSConnection(host)  # BAD http-outside-of-the-guard
""",
    "services/retrieval/image_fetch/own.py": """
import httpcore
""",
    "services/gateway/access/tokens.py": """
import httpx

def clients():
    yield httpx.AsyncClient(timeout=3)  # BAD http-client-trusts-the-environment
    yield httpx.Client(trust_env=True)  # BAD http-client-trusts-the-environment
    yield httpx.AsyncClient(trust_env=False, timeout=3)
""",
    "services/gateway/rest_reading.py": """
from gateway.rest_body import read_body

async def read(request):
    await request.body()  # BAD unbounded-body
    await request.form()  # BAD unbounded-body
    await request.json()  # BAD unbounded-body
    async for chunk in request.stream():  # BAD unbounded-body
        print(chunk)
    return await read_body(request)
""",
    "services/gateway/rest_body.py": """
async def read_body(request):
    return [chunk async for chunk in request.stream()]
""",
    "services/gateway/looking.py": """
from PIL import Image
from retrieval.preprocess.upload import normalise_upload

async def look(run, content):
    picture = normalise_upload(content)  # BAD picture-on-the-event-loop
    Image.open(content, formats=("PNG",))  # BAD picture-on-the-event-loop
    return picture, await run(lambda: normalise_upload(content))

def look_in_a_thread(content):
    return normalise_upload(content)
""",
    "training/catalog/opening.py": """
from PIL import Image

def look(path):
    Image.open(path)  # BAD any-format-of-picture
    Image.open(path, "r")  # BAD any-format-of-picture
    return Image.open(path, formats=("PNG",))
""",
    "services/gateway/access/comparing.py": """
from secrets import compare_digest

def same(given, key, settings):
    if given == settings.admin_key:  # BAD secret-compared-by-equals
        return True
    if key.signature != given:  # BAD secret-compared-by-equals
        return False
    if settings.admin_key == "" or key.model == given:
        return False
    return compare_digest(key.signature, given)
""",
    "services/gateway/listening.py": """
import asyncio
import uvicorn

async def listen(server, app):
    server.add_insecure_port("127.0.0.1:1")  # BAD listening-outside-of-the-wiring
    server.add_secure_port("127.0.0.1:1", None)  # BAD listening-outside-of-the-wiring
    uvicorn.run(app)  # BAD listening-outside-of-the-wiring
    await asyncio.start_server(app, "127.0.0.1", 1)  # BAD listening-outside-of-the-wiring
    await server.start()
""",
    "services/gateway/wiring.py": """
def listen(server):
    server.add_insecure_port("127.0.0.1:1")
""",
    "deploy/asking.py": """
import ssl

def contexts(client):
    context = ssl.create_default_context()
    context.check_hostname = False  # BAD weakened-tls
    context.verify_mode = ssl.CERT_NONE  # BAD weakened-tls
    client.get("https://127.0.0.1", verify=False)  # BAD weakened-tls
    yield ssl._create_unverified_context()  # BAD weakened-tls
    context.verify_mode = ssl.CERT_REQUIRED
    yield context
""",
    "training/catalog/workers.py": """
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

def start(count):
    os.fork()  # BAD fork-beside-threads
    multiprocessing.Process(target=start)  # BAD fork-beside-threads
    multiprocessing.get_context("fork")  # BAD fork-beside-threads
    ProcessPoolExecutor(count)  # BAD fork-beside-threads
    context = multiprocessing.get_context("spawn")
    context.Process(target=start)
    yield ProcessPoolExecutor(count, context)
    yield ProcessPoolExecutor(count, mp_context=context)
""",
    "training/sprc/reading.py": """
import numpy as np
import torch

def read(path):
    torch.load(path)  # BAD weights-that-carry-code
    torch.load(path, weights_only=False)  # BAD weights-that-carry-code
    torch.hub.load("someone/model", "model")  # BAD weights-that-carry-code
    np.load(path, allow_pickle=True)  # BAD weights-that-carry-code
    np.load(path, mmap_mode="r", allow_pickle=False)
    np.load(path)
    return torch.load(path, map_location="cpu", weights_only=True)
""",
    "deploy/unpacking.py": """
import shutil

def unpack(archive, path, folder):
    archive.extractall(folder)  # BAD unpacking-all-of-an-archive
    shutil.unpack_archive(path, folder)  # BAD unpacking-all-of-an-archive
    return archive.read("helm/helm")
""",
    "services/storefront/src/Title.tsx": """
export function Title({ title }: { title: string }) {
  const place = document.getElementById("title");
  if (place) {
    place.innerHTML = title; // BAD markup-from-data
    place.insertAdjacentHTML("beforeend", title); // BAD markup-from-data
    place.textContent = title;
  }
  eval(title); // BAD markup-from-data
  if (title) {
    return <p dangerouslySetInnerHTML={{ __html: title }} />; // BAD markup-from-data
  }
  return <p>{title}</p>;
}
""",
}
