"""Prints the readings of a running ``rppg-fast live``; needs nothing but Python.

    rppg-fast live --no-browser &
    python examples/live_readings.py http://127.0.0.1:8765

With a token: ``python examples/live_readings.py http://HOST:8765 TOKEN``.
"""

from __future__ import annotations

import json
import sys
import urllib.request


def main(address: str, token: str | None = None) -> None:
    """Print a line for every reading until the program ends."""
    request = urllib.request.Request(f"{address.rstrip('/')}/readings?every=1")
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request) as answer:
        for line in answer:  # server-sent events: "data: " and a reading as JSON
            if line.startswith(b"data: "):
                reading = json.loads(line[6:])
                if reading["heart_rate_bpm"] is not None:
                    sure = f"confidence {reading['confidence']:.2f}"
                    print(f"face {reading['face']}: {reading['heart_rate_bpm']:.0f} bpm, {sure}")
                else:
                    print(f"no heart rate: {reading['status']} ({reading['advice']})")
                sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
