# Sourced by the package tests: makes the packages of all versions that the tests need into $work. The versions differ in nothing but
# their number: 3.9.0 is installed, 3.9.1 and 3.11.0 are newer packages, 3.10.0 is a remote upgrade. With OIBUS_GOOD, the
# folder of an earlier run, only the programs in OIBUS_CHANGED are built, and the others are those of that run.

# programs VERSION OS ARCH: compiles into $work/cross-VERSION, as for a release.
programs() {
  local suffix='' p name folder=cross-$1/$2-$3
  local -a new=()
  [[ $2 == windows ]] && suffix=.exe
  mkdir -p "$work/$folder"
  for p in oibus=./agent/cmd/oibus oibus-launcher=./launcher/cmd/oibus-launcher oibus-installer=./installer/cmd/oibus-installer; do
    name=${p%%=*}
    if [[ -n ${OIBUS_GOOD:-} && " ${OIBUS_CHANGED:-} " != *" $name "* && -e $OIBUS_GOOD/$folder/$name$suffix ]]; then
      cp -l "$OIBUS_GOOD/$folder/$name$suffix" "$work/$folder/"
    else
      new+=("$p")
    fi
  done
  OIBUS_OVERLAY=${overlay:-} packaging/compile.sh "$1" "$2" "$3" "$work/$folder" "${new[@]}"
}

# upgrade_packages VERSION OS-ARCH [kept]: the zip file of what was compiled; kept: that of the earlier run does.
upgrade_packages() {
  if [[ -n ${OIBUS_GOOD:-} && (-z ${OIBUS_CHANGED:-} || -n ${3:-}) && -e $OIBUS_GOOD/release-$1 ]]; then
    cp -rl "$OIBUS_GOOD/release-$1" "$work/"
  else
    # A folder with nothing else in it: the tool packs whatever it finds.
    mkdir -p "$work/from-$1-$2"
    ln -sfn "../cross-$1/$2" "$work/from-$1-$2/$2"
    ${OIBUS_RELEASE_TOOL:-go run ./packaging/release} --version "$1" --state-written "$(sed -n 's/^const SchemaLevel = \([0-9]*\)$/\1/p' agent/store/store.go)" \
      --from "$work/from-$1-$2" --out "$work/release-$1" >/dev/null || return
  fi
  local system=linux
  [[ $2 != windows* ]] || system=win # only its own: the others may be made at the same time
  cp -l --force "$work/release-$1/oibus-${system}_"*.zip "$work/"
}

# bill VERSION: its bill of materials, which differs from that of 3.9.0 in nothing but the number.
bill() {
  local name=oibus-linux_x64-v
  mkdir -p "$work/release-$1"
  sed "s/3\.9\.0/$1/g" "$work/release-3.9.0/${name}3.9.0.cdx.json" >"$work/release-$1/$name$1.cdx.json"
}

# linux_version VERSION: the packages of one version.
linux_version() {
  programs "$1" linux amd64 || return
  case $1 in
    3.9.0) upgrade_packages "$1" linux-amd64 kept || return ;;
    3.10.0) upgrade_packages "$1" linux-amd64; return ;; # comes by a command only
    *) bill "$1" || return ;; # nobody is upgraded to it by a zip file
  esac
  OIBUS_RELEASE=$work/release-$1 OIBUS_INSTALLER=$work/cross-$1/linux-amd64/oibus-installer \
    packaging/linux/build.sh "$1" amd64 "$work" "$work/cross-$1/linux-amd64" || return
  [[ $1 == 3.11.0 ]] || OIBUS_RELEASE=$work/release-$1 packaging/linux/archive.sh "$1" amd64 "$work" "$work/cross-$1/linux-amd64"
}

# linux_packages [VERSION]...: two versions at a time, 3.9.0 among the first, since the others use its bill of materials. What is
# released is compressed harder, which takes minutes. Who calls it may look at its result, which lets a shell go on after
# an error: so it says where to stop.
linux_packages() {
  local versions=("${@:-3.9.0}") one other i
  export OIBUS_COMPRESSION=${OIBUS_COMPRESSION:-gzip:1} OIBUS_GZIP_LEVEL=${OIBUS_GZIP_LEVEL:-1}
  [[ -x dist/tools/nfpm ]] || GOBIN=$PWD/dist/tools GOFLAGS=-mod=mod go install github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
  if [[ -n ${OIBUS_GOOD:-} ]]; then cp -l "$OIBUS_GOOD/oibus-cloudsim" "$work/"; else GOBIN=$work go install ./testing/cloudsim/cmd/oibus-cloudsim || return; fi
  for ((i = 0; i < ${#versions[@]}; i += 2)); do
    linux_version "${versions[i]}" & one=$!
    other=''
    [[ -z ${versions[i + 1]:-} ]] || { linux_version "${versions[i + 1]}" & other=$!; }
    wait "$one" || return
    [[ -z $other ]] || wait "$other" || return
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
