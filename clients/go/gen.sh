#!/bin/sh
# Regenerates hexgate/v1 from the protos, here or in the folder $1.
# Needs Go and the project's .venv; PYTHON names another one.
set -eu
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
bin=$root/.work/bin
out=${1:-.}
mkdir -p "$bin"

# The plugins' versions are pinned in clients/tools/go.mod.
(cd ../tools && GOBIN=$bin go install \
    google.golang.org/protobuf/cmd/protoc-gen-go \
    google.golang.org/grpc/cmd/protoc-gen-go-grpc)

rm -rf "$out/hexgate"
"${PYTHON:-$root/.venv/bin/python}" -m grpc_tools.protoc -I "$root/protos" \
    --plugin="protoc-gen-go=$bin/protoc-gen-go" \
    --plugin="protoc-gen-go-grpc=$bin/protoc-gen-go-grpc" \
    --go_out="$out" --go_opt=module=hexgate.dev/go \
    --go-grpc_out="$out" --go-grpc_opt=module=hexgate.dev/go \
    "$root"/protos/hexgate/v1/*.proto
