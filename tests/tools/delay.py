# SPDX-License-Identifier: GPL-2.0-or-later
"""A TCP proxy that adds a round trip: delay.py PORT TARGET-PORT MILLISECONDS"""
import asyncio
import sys

PORT, TARGET, ROUND_TRIP = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000
LOOP_BYTES = 1 << 18


async def pump(reader, writer):
    """Pass data on, each piece half a round trip late, many in flight."""
    line = asyncio.Queue(maxsize=64)
    now = asyncio.get_running_loop().time

    async def send():
        while piece := await line.get():
            due, data = piece
            await asyncio.sleep(max(0, due - now()))
            writer.write(data)
            await writer.drain()
        writer.close()

    sender = asyncio.create_task(send())
    try:
        while data := await reader.read(LOOP_BYTES):
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
    await asyncio.gather(pump(reader, there[1]), pump(there[0], writer),
                         return_exceptions=True)


async def main():
    server = await asyncio.start_server(connect, "127.0.0.1", PORT)
    await server.serve_forever()


asyncio.run(main())
