#!/usr/bin/env bash
# compile.sh VERSION OS ARCH FOLDER NAME=PACKAGE...: compiles programs as they are released, into FOLDER: without cgo, without
# paths of this machine, and with the connector of Oracle, whose library is large. OIBUS_OVERLAY names a file for -overlay.
set -euo pipefail
version=$1 os=$2 arch=$3 folder=$4 suffix=''
[[ $os != windows ]] || suffix=.exe
for program in "${@:5}"; do
  CGO_ENABLED=0 GOOS=$os GOARCH=$arch go build ${OIBUS_OVERLAY:+-overlay="$OIBUS_OVERLAY"} -trimpath -tags "${OIBUS_TAGS-oracle}" \
    -ldflags "-s -w -X oibus/platform.Version=$version" -o "$folder/${program%%=*}$suffix" "${program#*=}"
done
