"""What both Python suites share: the environment, people nobody else uses, a small picture."""

import itertools
import os
import struct
import zlib

import pytest

from environment import Environment, Person

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def environment() -> Environment:
    return Environment.load()


@pytest.fixture
def people(environment):
    """People without end, each with a phone number that no other test of this run has."""
    return (Person(environment, f"1650{os.getpid() % 1000:03}{n:04}") for n in _numbers)


@pytest.fixture
def person(people) -> Person:
    return next(people)


@pytest.fixture(scope="session")
def picture() -> bytes:
    """A PNG of one red dot."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\x00\xff\x00\x00")
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )
