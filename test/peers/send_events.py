"""A client made of nothing but the .proto files and Python's gRPC: calls every method, and looks at health and reflection.

stdin:  {"address", "protoDir", "founding": [base64], "foundingRaw": [base64 of whole messages], "events": [event], "batch": [event]}
        event: {"payload": base64, "dataset", "key": base64, "event_id", "source", "headers": {name: base64}}
stdout: {"founding": [answer], "foundingRaw": [answer], "events": [answer], "batch": [answer], "health", "services": [name], "methods": [name]}
        answer: {"success"} or {"receipt": {...}} or {"error": {"code", "message"}}
"""

import base64
import json
import sys
import tempfile
from pathlib import Path

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_tools import protoc

V1 = "keystone.ingestion.v1.Ingestion"
SECONDS = 30


def generate(proto_dir, into):
    """Stubs, as `python -m grpc_tools.protoc` makes them."""
    files = [str(file) for file in Path(proto_dir).rglob("*.proto")]
    code = protoc.main(["", f"-I{proto_dir}", f"--python_out={into}", f"--grpc_python_out={into}", *files])
    assert code == 0, f"protoc ended with {code}"
    sys.path.insert(0, into)


def answer_of(call):
    try:
        return call()
    except grpc.RpcError as error:
        return {"error": {"code": error.code().name, "message": error.details()}}


def main(request, channel):
    import ingestion_pb2
    import ingestion_pb2_grpc
    from keystone.ingestion.v1 import ingestion_pb2 as v1
    from keystone.ingestion.v1 import ingestion_pb2_grpc as v1_grpc

    founding = ingestion_pb2_grpc.IngestionServiceStub(channel)
    ingestion = v1_grpc.IngestionStub(channel)
    # Python's own class refuses what is no UTF-8; other clients do not.
    founding_raw = channel.unary_unary("/IngestionService/SendEvent", request_serializer=bytes, response_deserializer=bytes)

    def event_of(given):
        return v1.Event(
            payload=base64.b64decode(given["payload"]),
            dataset=given.get("dataset", ""),
            key=base64.b64decode(given.get("key", "")),
            event_id=given.get("event_id", ""),
            source=given.get("source", ""),
            headers={name: base64.b64decode(value) for name, value in given.get("headers", {}).items()},
        )

    def receipt_of(receipt):
        return {
            "receipt": {
                "topic": receipt.topic,
                "partition": receipt.partition,
                "offset": receipt.offset,
                "event_id": receipt.event_id,
                "durability": v1.Durability.Name(receipt.durability),
            }
        }

    def send_founding(payload):
        text = base64.b64decode(payload).decode()
        response = founding.SendEvent(ingestion_pb2.EventRequest(payload_json=text), timeout=SECONDS)
        return {"success": response.success}

    def send_raw(message):
        response = founding_raw(base64.b64decode(message), timeout=SECONDS)
        return {"success": ingestion_pb2.EventResponse.FromString(response).success}

    def send_batch(events):
        response = ingestion.SendEventBatch(v1.EventBatch(events=[event_of(each) for each in events]), timeout=SECONDS)
        return [
            receipt_of(each.receipt)
            if each.WhichOneof("result") == "receipt"
            else {"error": {"code": each.error.code, "message": each.error.message, "event_id": each.error.event_id}}
            for each in response.results
        ]

    health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=V1), timeout=SECONDS)
    reflected = ProtoReflectionDescriptorDatabase(channel)
    service = DescriptorPool(reflected).FindServiceByName(V1)
    return {
        "founding": [answer_of(lambda: send_founding(each)) for each in request["founding"]],
        "foundingRaw": [answer_of(lambda: send_raw(each)) for each in request["foundingRaw"]],
        "events": [answer_of(lambda: receipt_of(ingestion.SendEvent(event_of(each), timeout=SECONDS))) for each in request["events"]],
        "batch": send_batch(request["batch"]),
        "health": health_pb2.HealthCheckResponse.ServingStatus.Name(health.status),
        "services": sorted(reflected.get_services()),
        "methods": sorted(method.name for method in service.methods),
    }


request = json.load(sys.stdin)
with tempfile.TemporaryDirectory() as stubs, grpc.insecure_channel(request["address"]) as channel:
    generate(request["protoDir"], stubs)
    json.dump(main(request, channel), sys.stdout)
