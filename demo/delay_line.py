"""A cable with delay and loss, for kernels without netem: a program of its own.

`delay_line.py DEVICE TAP DELAY_MS LOSS_PCT` makes the tap device and carries every frame
between the two. It runs in the namespace of both and takes the tap away when it ends.
"""

from __future__ import annotations

import fcntl
import os
import random
import select
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

TUNSETIFF, TUNSETOFFLOAD = 0x400454CA, 0x400454D0
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
CHECKSUM_AND_TSO = 0x01 | 0x02 | 0x04
SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 15, 23
ETH_P_ALL = 0x0003
LARGEST = 1 << 17
LONGEST_QUEUE = 100_000


@dataclass
class Direction:
    """Frames on their way. Delay is constant, so they leave in the order they came."""

    receive: Callable[[], bytes]
    deliver: Callable[[bytes], object]
    frames: deque[tuple[float, bytes]] = field(default_factory=deque)

    def take(self, now: float, delay: float, loss: float) -> None:
        with suppress(BlockingIOError):
            while len(self.frames) < LONGEST_QUEUE:
                frame = self.receive()
                if random.random() >= loss:
                    self.frames.append((now + delay, frame))

    def release(self, now: float) -> None:
        while self.frames and self.frames[0][0] <= now:
            with suppress(OSError):  # a full queue or a dead link drops frames, as a cable does
                self.deliver(self.frames.popleft()[1])


def open_tap(name: str) -> int:
    # Both ends carry virtio's header, so frames with a checksum or a segmentation still to be
    # done (all that come out of a veth) pass as they are.
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", name.encode(), flags))
    fcntl.ioctl(tap, TUNSETOFFLOAD, CHECKSUM_AND_TSO)
    return tap


def open_device(name: str) -> socket.socket:
    device = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    device.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    device.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    device.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 23)
    device.setblocking(False)
    device.bind((name, ETH_P_ALL))
    return device


def carry(tap: int, device: socket.socket, delay: float, loss: float) -> None:
    ways = {
        tap: Direction(lambda: os.read(tap, LARGEST), device.send),
        device.fileno(): Direction(
            lambda: device.recv(LARGEST), lambda frame: os.write(tap, frame)
        ),
    }
    poll = select.epoll()
    for descriptor in ways:
        poll.register(descriptor, select.EPOLLIN)
    while True:
        due = [way.frames[0][0] for way in ways.values() if way.frames]
        wait = max(0.0, min(due) - time.monotonic()) if due else -1
        for descriptor, _ in poll.poll(wait):
            ways[descriptor].take(time.monotonic(), delay, loss)
        for way in ways.values():
            way.release(time.monotonic())


def main() -> None:
    device, tap, delay_ms, loss_pct = sys.argv[1:]
    carry(open_tap(tap), open_device(device), float(delay_ms) / 1000, float(loss_pct) / 100)


if __name__ == "__main__":
    main()
