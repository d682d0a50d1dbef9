import websocket
import json
import requests
import time

# Submit job
job_data = {
    "inlineConfig": {
        "streamUrl": "rtmp://example.com/live",
        "quality": "1080p"
    },
    "idempotencyKey": "python-job-123"
}

response = requests.post('http://localhost:8080/v1/jobs', json=job_data)
job = response.json()
print(f"Job created: {job['id']}")

# Update stream metadata
metadata = {
    "title": "Python Stream",
    "description": "Streaming from Python client",
    "platform": "custom"
}
requests.put(f"http://localhost:8080/v1/jobs/{job['id']}/metadata", json=metadata)

# Control audio
requests.post(f"http://localhost:8080/v1/jobs/{job['id']}/mute")
time.sleep(5)  # Wait a bit
requests.post(f"http://localhost:8080/v1/jobs/{job['id']}/unmute")

# Connect to WebSocket for updates
def on_message(ws, message):
    data = json.loads(message)
    print(f"Update: {data}")

ws = websocket.WebSocketApp("ws://localhost:8080/ui", on_message=on_message)
ws.run_forever()
