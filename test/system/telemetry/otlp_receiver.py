"""A collector: decodes what is exported to it with the official messages of OTLP and prints one line of JSON for each request."""

import gzip
import http.server
import json
import sys
import threading

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

MESSAGES = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
}


one_line_at_a_time = threading.Lock()


def report(value):
    with one_line_at_a_time:
        sys.stdout.write(json.dumps(value) + "\n")
        sys.stdout.flush()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.read_body()
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        message = MESSAGES[self.path].FromString(body)
        assert self.headers["Content-Type"] == "application/x-protobuf"
        report({"path": self.path, "agent": self.headers["User-Agent"], "body": MessageToDict(message)})
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def read_body(self):
        if self.headers["Transfer-Encoding"] != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while True:
            size = int(self.rfile.readline(), 16)
            body += self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return body

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
report({"port": server.server_port})
server.serve_forever()
