# Sourced by the package tests: makes the packages of all versions that the tests need into $work. The versions differ in nothing but
# their number: 3.9.0 is installed, 3.9.1 and 3.11.0 are newer packages, 3.10.0 is a remote upgrade. With OIBUS_GOOD, the
# folder of an earlier run, only the programs in OIBUS_CHANGED are built, and the others are those of that run.

# programs VERSION OS ARCH: compiles into $work/cross-VERSION.
programs() {
  local suffix='' p name folder=cross-$1/$2-$3
  [[ $2 == windows ]] && suffix=.exe
  mkdir -p "$work/$folder"
  for p in oibus=agent/cmd/oibus oibus-launcher=launcher/cmd/oibus-launcher oibus-installer=installer/cmd/oibus-installer; do
    name=${p%%=*}
    if [[ -n ${OIBUS_GOOD:-} && " ${OIBUS_CHANGED:-} " != *" $name "* && -e $OIBUS_GOOD/$folder/$name$suffix ]]; then
      cp -l "$OIBUS_GOOD/$folder/$name$suffix" "$work/$folder/"
      continue
    fi
    CGO_ENABLED=0 GOOS=$2 GOARCH=$3 go build ${overlay:+-overlay="$overlay"} -trimpath -ldflags "-s -w -X oibus/platform.Version=$1" \
      -o "$work/$folder/$name$suffix" "./${p#*=}" || return
  done
}

# upgrade_packages VERSION [kept]: the zip files of what was compiled; kept: those of the earlier run do.
upgrade_packages() {
  if [[ -n ${OIBUS_GOOD:-} && (-z ${OIBUS_CHANGED:-} || -n ${2:-}) && -e $OIBUS_GOOD/release-$1 ]]; then
    cp -rl "$OIBUS_GOOD/release-$1" "$work/"
  else
    ${OIBUS_RELEASE_TOOL:-go run ./packaging/release} --version "$1" --state-written "$(sed -n 's/^const SchemaLevel = \([0-9]*\)$/\1/p' agent/store/store.go)" \
      --from "$work/cross-$1" --out "$work/release-$1" >/dev/null || return
  fi
  cp "$work/release-$1"/*.zip "$work/"
}

# linux_packages VERSION... Who calls it may look at its result, which lets a shell go on after an error: so it says where to stop.
linux_packages() {
  local v
  [[ -x dist/tools/nfpm ]] || GOBIN=$PWD/dist/tools GOFLAGS=-mod=mod go install github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
  if [[ -n ${OIBUS_GOOD:-} ]]; then cp -l "$OIBUS_GOOD/oibus-cloudsim" "$work/"; else GOBIN=$work go install ./testing/cloudsim/cmd/oibus-cloudsim || return; fi
  for v in "${@:-3.9.0}"; do
    programs "$v" linux amd64 || return
    upgrade_packages "$v" "${v/3.10.0/}" || return # of the others nothing but the bill of materials is used here
    [[ $v != 3.10.0 ]] || continue
    OIBUS_COMPRESSION=${OIBUS_COMPRESSION:-gzip} OIBUS_RELEASE=$work/release-$v OIBUS_INSTALLER=$work/cross-$v/linux-amd64/oibus-installer \
      packaging/linux/build.sh "$v" amd64 "$work" "$work/cross-$v/linux-amd64" || return
    [[ $v == 3.11.0 ]] || OIBUS_RELEASE=$work/release-$v packaging/linux/archive.sh "$v" amd64 "$work" "$work/cross-$v/linux-amd64" || return
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
