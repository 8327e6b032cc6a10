"""Sends the readings of a running ``rppg-fast live`` to an MQTT broker, for Home Assistant.

    pip install paho-mqtt
    rppg-fast live --no-browser &
    python examples/mqtt.py http://127.0.0.1:8765 BROKER

BROKER is HOST or HOST:PORT; a token is a third argument. The environment variables MQTT_USER and
MQTT_PASSWORD log in. Home Assistant finds the sensors by itself (MQTT discovery); Node-RED reads
the topic ``rppg_fast/reading``. The connection comes back by itself after an interruption.
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
    "confidence": {"name": "Confidence", "state_class": "measurement"},
    "status": {"name": "Status"},
}
COMMON = {
    "state_topic": READING,
    "availability": {"topic": ONLINE, "payload_available": "yes", "payload_not_available": "no"},
    "device": {"identifiers": ["rppg_fast"], "name": "Heart rate by camera"},
}


def announce(client: mqtt.Client, *_: object) -> None:
    """Tell Home Assistant about the sensors; after each interruption, too."""
    for field, about in SENSORS.items():
        own = {"unique_id": f"rppg_fast_{field}", "value_template": f"{{{{ value_json.{field} }}}}"}
        topic = f"homeassistant/sensor/rppg_fast/{field}/config"
        client.publish(topic, json.dumps({**COMMON, **about, **own}), retain=True)
    client.publish(ONLINE, "yes", retain=True)


host, _, port = sys.argv[2].partition(":")
client = mqtt.Client(CallbackAPIVersion.VERSION2)
if "MQTT_USER" in os.environ:
    client.username_pw_set(os.environ["MQTT_USER"], os.environ.get("MQTT_PASSWORD"))
client.will_set(ONLINE, "no", retain=True)
client.on_connect = announce
client.connect(host, int(port or 1883))
client.loop_start()
token = {"Authorization": f"Bearer {sys.argv[3]}"} if len(sys.argv) > 3 else {}
address = f"{sys.argv[1].rstrip('/')}/readings?every=1"
for line in urllib.request.urlopen(urllib.request.Request(address, headers=token)):
    if line.startswith(b"data: ") and json.loads(line[6:])["face"] in (None, 1):
        client.publish(READING, line[6:].strip())
