"""Sends the readings of a running ``rppg-fast live`` to an MQTT broker, for Home Assistant.

    pip install paho-mqtt
    rppg-fast live --no-browser &
    python examples/mqtt.py http://127.0.0.1:8765 BROKER

BROKER is HOST or HOST:PORT. With a token: a third argument. The environment variables MQTT_USER and
MQTT_PASSWORD log in at the broker. Home Assistant finds the sensors by itself (MQTT discovery);
Node-RED reads the topic ``rppg_fast/reading`` with its node "mqtt in". While the broker is away,
readings are left out; the connection comes back by itself.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

READING, ONLINE = "rppg_fast/reading", "rppg_fast/online"
SENSORS = {
    "heart_rate_bpm": {"name": "Heart rate", "unit_of_measurement": "bpm"},
    "confidence": {"name": "Confidence"},
    "status": {"name": "Status"},
}


def sensor(field: str) -> str:
    """Return what tells Home Assistant about a sensor, as JSON."""
    about = {
        **SENSORS[field],
        "unique_id": f"rppg_fast_{field}",
        "state_topic": READING,
        # Home Assistant shows a sensor without a value as unknown.
        "value_template": f"{{{{ value_json.{field} }}}}",
        "availability_topic": ONLINE,
        "payload_available": "yes",
        "payload_not_available": "no",
        "device": {"identifiers": ["rppg_fast"], "name": "Heart rate by camera"},
    }
    if field != "status":
        about["state_class"] = "measurement"
    return json.dumps(about)


def connected(broker: str) -> mqtt.Client:
    """Return a client of a broker. It says who is there, also again after each interruption."""
    host, _, port = broker.partition(":")
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    if "MQTT_USER" in os.environ:
        client.username_pw_set(os.environ["MQTT_USER"], os.environ.get("MQTT_PASSWORD"))
    client.will_set(ONLINE, "no", retain=True)

    def announce(client: mqtt.Client, *_: object) -> None:
        for field in SENSORS:
            topic = f"homeassistant/sensor/rppg_fast/{field}/config"
            client.publish(topic, sensor(field), retain=True)
        client.publish(ONLINE, "yes", retain=True)

    client.on_connect = announce
    client.connect(host, int(port or 1883))
    client.loop_start()
    return client


def main(address: str, broker: str, token: str | None = None) -> None:
    """Send a reading of the first face every second until the program ends."""
    client = connected(broker)
    request = urllib.request.Request(f"{address.rstrip('/')}/readings?every=1")
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request) as answer:
        for line in answer:  # server-sent events: "data: " and a reading as JSON
            if line.startswith(b"data: ") and json.loads(line[6:])["face"] in (None, 1):
                client.publish(READING, line[6:].strip())


if __name__ == "__main__":
    main(*sys.argv[1:])
