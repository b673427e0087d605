"""The FastAPI app of a typical project: a file, and a row that is committed in the request that brought it.

SQLite through SQLAlchemy and aiosqlite, all in their defaults. The app's directory is in BENCH_DIRECTORY.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiofiles
from fastapi import FastAPI, Request
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

DIRECTORY = Path(os.environ["BENCH_DIRECTORY"])

engine = create_async_engine(f"sqlite+aiosqlite:///{DIRECTORY / 'app.db'}")
sessions = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class Attachment(Base):
    __tablename__ = "attachments"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    size: Mapped[int]
    sha256: Mapped[str]


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.post("/files", status_code=201)
async def upload(request: Request) -> dict[str, str | int]:
    content = await request.body()
    attachment = Attachment(
        key=uuid.uuid4().hex, size=len(content), sha256=hashlib.sha256(content).hexdigest()
    )
    async with aiofiles.open(DIRECTORY / attachment.key, "wb") as out:
        await out.write(content)
    async with sessions() as session:
        session.add(attachment)
        await session.commit()
    return {"id": attachment.id, "size": attachment.size, "sha256": attachment.sha256}
