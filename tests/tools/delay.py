# SPDX-License-Identifier: GPL-2.0-or-later
"""A TCP proxy that adds a round trip: delay.py PORT TARGET-PORT MILLISECONDS FILE

When it is ended (SIGTERM) it writes to FILE how many requests were under way when
one was made, that one included, in the mean: 1 is one after the other.
"""
import asyncio
import signal
import sys

PORT, TARGET, ROUND_TRIP = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000
LOOP_BYTES = 1 << 18


class Flight:
    """The connections that wait for an answer."""

    def __init__(self):
        self.waiting = set()
        self.requests = self.seen = 0

    def begin(self, connection):
        if connection not in self.waiting:
            self.waiting.add(connection)
            self.requests += 1
            self.seen += len(self.waiting)

    def end(self, connection):
        self.waiting.discard(connection)

    def mean(self):
        return self.seen / max(1, self.requests)


flight = Flight()


async def pump(reader, writer, taken=lambda: None, given=lambda: None):
    """Pass data on, each piece half a round trip late, many in flight."""
    line = asyncio.Queue(maxsize=64)
    now = asyncio.get_running_loop().time

    async def send():
        while piece := await line.get():
            due, data = piece
            await asyncio.sleep(max(0, due - now()))
            given()
            writer.write(data)
            await writer.drain()
        writer.close()

    sender = asyncio.create_task(send())
    try:
        while data := await reader.read(LOOP_BYTES):
            taken()
            await line.put((now() + ROUND_TRIP / 2, data))
    except ConnectionError:
        pass
    await line.put(None)
    try:
        await sender
    except ConnectionError:
        pass


async def connect(reader, writer):
    try:
        await asyncio.sleep(ROUND_TRIP / 2)
        there = await asyncio.open_connection("127.0.0.1", TARGET)
    except ConnectionError:
        writer.close()
        return
    # A request begins when it arrives, and ends with the first piece of its answer.
    await asyncio.gather(pump(reader, there[1], taken=lambda: flight.begin(writer)),
                         pump(there[0], writer, given=lambda: flight.end(writer)),
                         return_exceptions=True)
    flight.end(writer)


def finish():
    with open(sys.argv[4], "w", encoding="ascii") as file:
        print(f"{flight.mean():.0f}", file=file)
    raise SystemExit


async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, finish)
    server = await asyncio.start_server(connect, "127.0.0.1", PORT)
    await server.serve_forever()


asyncio.run(main())
