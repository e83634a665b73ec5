# Sourced by the package tests: makes the packages of all versions that the tests need into $work. The versions differ in nothing but
# their number: 3.9.0 is installed, 3.9.1 and 3.11.0 are newer packages, 3.10.0 is a remote upgrade.

# programs VERSION OS ARCH: compiles into $work/cross-VERSION.
programs() {
  local suffix='' p
  [[ $2 == windows ]] && suffix=.exe
  for p in oibus=agent/cmd/oibus oibus-launcher=launcher/cmd/oibus-launcher oibus-installer=installer/cmd/oibus-installer; do
    CGO_ENABLED=0 GOOS=$2 GOARCH=$3 go build ${overlay:+-overlay="$overlay"} -trimpath -ldflags "-s -w -X oibus/platform.Version=$1" \
      -o "$work/cross-$1/$2-$3/${p%%=*}$suffix" "./${p#*=}"
  done
}

# upgrade_packages VERSION: the zip files of what was compiled.
upgrade_packages() {
  go run ./packaging/release --version "$1" --state-written "$(sed -n 's/^const SchemaLevel = \([0-9]*\)$/\1/p' agent/store/store.go)" \
    --from "$work/cross-$1" --out "$work/release-$1" >/dev/null
  cp "$work/release-$1"/*.zip "$work/"
}

# linux_packages VERSION...
linux_packages() {
  local v arch arches
  [[ -x dist/tools/nfpm ]] || GOBIN=$PWD/dist/tools GOFLAGS=-mod=mod go install github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
  GOBIN=$work go install ./testing/cloudsim/cmd/oibus-cloudsim
  for v in "${@:-3.9.0}"; do
    programs "$v" linux amd64
    upgrade_packages "$v"
    [[ $v != 3.10.0 ]] || continue
    OIBUS_COMPRESSION=gzip OIBUS_RELEASE=$work/release-$v OIBUS_INSTALLER=$work/cross-$v/linux-amd64/oibus-installer \
      packaging/linux/build.sh "$v" amd64 "$work" "$work/cross-$v/linux-amd64"
    [[ $v == 3.11.0 ]] || OIBUS_RELEASE=$work/release-$v packaging/linux/archive.sh "$v" amd64 "$work" "$work/cross-$v/linux-amd64"
  done
  cat >"$work/stub.yaml" <<'YAML'
name: rpmdistro-stub
arch: noarch
version: 1.0.0
maintainer: Test <test@example.org>
description: stands for what an RPM distribution provides
license: MIT
provides: [systemd, shadow-utils, "/bin/sh"]
YAML
  dist/tools/nfpm package --config "$work/stub.yaml" --packager rpm --target "$work/rpmdistro-stub.rpm" >/dev/null
}

