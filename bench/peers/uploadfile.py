"""The FastAPI app that most tutorials end with: UploadFile, copied to a file with aiofiles. It syncs nothing.

The app's directory is in BENCH_DIRECTORY.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import aiofiles
from fastapi import FastAPI, UploadFile

DIRECTORY = Path(os.environ["BENCH_DIRECTORY"])
MIB = 1024 * 1024

app = FastAPI()


@app.post("/files", status_code=201)
async def upload(file: UploadFile) -> dict[str, str | int | None]:
    id = uuid.uuid4().hex
    size = 0
    async with aiofiles.open(DIRECTORY / id, "wb") as out:
        while piece := await file.read(MIB):
            size += await out.write(piece)
    return {"id": id, "name": file.filename, "size": size}
