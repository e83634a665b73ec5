#!/usr/bin/env bash
# archive.sh VERSION ARCH OUT: makes the tar.gz of the programs in dist/cross/linux-ARCH into the folder OUT: the layout
# and the content of the zip package, with the modes that programs need.
set -euo pipefail
version=$1 arch=$2 out=$3 programs=${4:-dist/cross/linux-$2}
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
declare -A names=([amd64]=x64 [arm64]=arm64)
name=oibus-linux_${names[$arch]}-v$version

install -d "$stage/binaries"
install -m 755 "$programs/oibus-launcher" "$programs/oibus-installer" "$stage/"
install -m 755 "$programs/oibus" "$stage/binaries/"
install -m 644 LICENSE oibus.toml.example "$stage/"
install -m 644 "${OIBUS_RELEASE:-dist/release}/$name.cdx.json" "$stage/oibus-sbom.json"
tar --create --directory "$stage" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
  --format=gnu --mode=go-w --transform "s|^\\.|$name|" . | gzip "-${OIBUS_GZIP_LEVEL:-9}n" >"$out/$name.tar.gz"
