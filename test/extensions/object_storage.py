"""An S3 server that checks the signature of each request. Prints its port and the keys that may read; replaces them for each line that it reads."""

import json
import os
import sys

# So many requests are answered before signatures are checked: those that make the bucket and the users.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "8"

import boto3  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

ANY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
_, port = server.get_host_and_port()


def client(service: str, key: str, secret: str):
    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
    )


s3 = client("s3", "none", "none")
s3.create_bucket(Bucket="sales")
s3.put_object(Bucket="sales", Key="2026/q1.csv", Body=b"region,amount\nnorth,1.5\nsouth,2\n")
iam = client("iam", "none", "none")
for user in ("admin", "reader"):
    iam.create_user(UserName=user)
    iam.put_user_policy(UserName=user, PolicyName="any", PolicyDocument=ANY)
admin_key = iam.create_access_key(UserName="admin")["AccessKey"]
reader_key = iam.create_access_key(UserName="reader")["AccessKey"]
iam = client("iam", admin_key["AccessKeyId"], admin_key["SecretAccessKey"])


def show() -> None:
    keys = {"key": reader_key["AccessKeyId"], "secret": reader_key["SecretAccessKey"]}
    print(json.dumps({"port": port, **keys}), flush=True)


show()
for _ in sys.stdin:
    old = reader_key
    reader_key = iam.create_access_key(UserName="reader")["AccessKey"]
    iam.delete_access_key(UserName="reader", AccessKeyId=old["AccessKeyId"])
    show()
server.stop()
