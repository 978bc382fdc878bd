#!/bin/sh
# Regenerates the stubs from the protos, in src/gen or in the folder $1.
# Needs node, `npm ci` and the project's .venv; PYTHON names another one.
set -eu
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
python=${PYTHON:-$root/.venv/bin/python}
out=${1:-src/gen}
# google/rpc/*.proto comes with googleapis-common-protos.
common=$("$python" -c 'import google.rpc, os; print(os.path.dirname(os.path.dirname(google.rpc.__path__[0])))')

rm -rf "$out"
mkdir -p "$out"
"$python" -m grpc_tools.protoc -I "$root/protos" -I "$common" \
    --plugin=protoc-gen-es=node_modules/.bin/protoc-gen-es \
    --es_out="$out" --es_opt=target=ts,import_extension=js \
    "$root"/protos/hexgate/v1/*.proto \
    google/rpc/code.proto google/rpc/error_details.proto google/rpc/status.proto
