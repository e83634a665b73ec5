#!/usr/bin/env bash
# build.sh VERSION ARCH OUT: makes the deb and the rpm of the programs in dist/cross/linux-ARCH into the folder OUT.
# Run in the root of the project, after the release was made there; SOURCE_DATE_EPOCH is the time of everything.
set -euo pipefail
version=$1 arch=$2 out=$3 programs=${4:-dist/cross/linux-$2}
here=packaging/linux
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

mkdir -p "$stage/binaries" "$out"
cp "$programs/oibus-launcher" "$programs/oibus-installer" "$stage/"
cp "$programs/oibus" "$stage/binaries/"
declare -A names=([amd64]=x64 [arm64]=arm64)
cp "${OIBUS_RELEASE:-dist/release}/oibus-linux_${names[$arch]}-v$version.cdx.json" "$stage/oibus-sbom.json"
cp oibus.toml.example "$stage/"

# What the installer says of itself: the program of this machine speaks for those of all others of its version.
installer=${OIBUS_INSTALLER:-dist/oibus-installer}
[[ $("$installer" --version) == "OIBus installer version: $version" ]] || { echo "$installer is not of version $version" >&2; exit 1; }
"$installer" unit --programs /usr/lib/oibus >"$stage/oibus.service"
for shell in bash zsh fish; do "$installer" completion "$shell" >"$stage/completion.$shell"; done
"$installer" man | gzip -9n >"$stage/oibus-installer.8.gz"
for page in oibus oibus-launcher; do sed "s/@VERSION@/$version/" "$here/man/$page.8" | gzip -9n >"$stage/$page.8.gz"; done
{
  printf '.TH OIBUS.TOML 5 "" "OIBus %s" "OIBus"\n.SH NAME\noibus.toml \\- settings of OIBus that the person in charge of the machine decides\n' "$version"
  printf '.SH DESCRIPTION\nThe file /etc/oibus/oibus.toml is in the language TOML. These are all its keys, with their defaults.\n.PP\n.nf\n'
  sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^[.']/\\\\\&&/" oibus.toml.example
  printf '.fi\n.SH SEE ALSO\n.BR oibus (8),\n.BR oibus\\-installer (8)\n'
} | gzip -9n >"$stage/oibus.toml.5.gz"
printf 'oibus (%s-1) stable; urgency=medium\n\n  * Release %s.\n\n -- Optimistik <contact@optimistik.com>  %s\n' \
  "${version/-/\~}" "$version" "$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")" | gzip -9n >"$stage/changelog.Debian.gz"
find "$stage" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

# nfpm replaces variables in few fields only: here they are everywhere.
export STAGE=$stage ARCH=$arch VERSION=$version MTIME
MTIME=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
sed -e "s|\${STAGE}|$STAGE|g" -e "s|\${ARCH}|$ARCH|" -e "s|\${VERSION}|$VERSION|" -e "s|\${MTIME}|$MTIME|" \
  -e "s|\${COMPRESSION}|${OIBUS_COMPRESSION:-xz}|" "$here/nfpm.yaml" >"$stage/nfpm.yaml"
for packager in deb rpm; do dist/tools/nfpm package --config "$stage/nfpm.yaml" --packager "$packager" --target "$out/" >/dev/null; done
