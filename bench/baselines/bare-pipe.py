"""The least that answers a call: JSON in, the same JSON out, one line each, one after the other."""

import json
import sys

for line in sys.stdin:
    message = json.loads(line)
    sys.stdout.write(json.dumps({"id": message["id"], "value": message["value"]}) + "\n")
    sys.stdout.flush()
