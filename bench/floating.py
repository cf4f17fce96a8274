"""A floating-license server as a team writes it in an afternoon: FastAPI, SQLAlchemy and SQLite as they come.

It does the least that counts: one row for each seat in use, counted under the database's own lock and committed before
the answer, with SQLite's own default of a full fsync. It has no keys, no ledger, no proofs and no idempotency. It takes
the very requests that the Control Room is asked, so that one client drives both.

`CARNET_BENCH_DATABASE` names its file.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Lock

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy import DateTime, ForeignKey, String, create_engine, delete, func, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

SEATS = 2**40


class Base(DeclarativeBase):
    pass


class Product(Base):
    __tablename__ = "product"
    sku: Mapped[str] = mapped_column(String(80), primary_key=True)
    seats: Mapped[int]


class Lease(Base):
    __tablename__ = "lease"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    sku: Mapped[str] = mapped_column(ForeignKey("product.sku"), index=True)
    holder: Mapped[str] = mapped_column(String(200))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Acquire(BaseModel):
    sku: str
    holder: str
    ttl_seconds: int = 600


class Release(BaseModel):
    lease_id: str


engine = create_engine(f"sqlite:///{os.environ['CARNET_BENCH_DATABASE']}", connect_args={"timeout": 60}, pool_size=40)
Base.metadata.create_all(engine)
with Session(engine) as first:
    first.merge(Product(sku="unattended-bot-runner", seats=SEATS))
    first.commit()

app, TURN = FastAPI(), Lock()


@contextmanager
def writing() -> Iterator[Session]:
    """One writer at a time, in this process: threads that wait for SQLite's own lock poll it."""
    with TURN, Session(engine) as db, db.begin():
        db.execute(text("BEGIN IMMEDIATE"))
        yield db


@app.post("/api/v1/seats/acquire")
def acquire(asked: Acquire) -> dict[str, str]:
    now = datetime.now(UTC)
    lease = str(uuid.uuid4())
    with writing() as db:
        product = db.get(Product, asked.sku)
        if product is None:
            raise HTTPException(404)
        running = select(func.count()).where(Lease.sku == asked.sku, Lease.expires_at > now)
        if (db.scalar(running) or 0) >= product.seats:
            raise HTTPException(409)
        ends = now + timedelta(seconds=asked.ttl_seconds)
        db.add(Lease(id=lease, sku=asked.sku, holder=asked.holder, expires_at=ends))
    return {"lease_id": lease}


@app.post("/api/v1/seats/release")
def release(asked: Release) -> dict[str, str]:
    with writing() as db:
        db.execute(delete(Lease).where(Lease.id == asked.lease_id))
    return {"lease_id": asked.lease_id}
