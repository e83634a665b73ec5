#!/usr/bin/env bash
# Builds, runs and tests OIBus. See README.md; `./build.sh` alone lists the verbs.
set -euo pipefail
cd "$(dirname "$0")"

readonly go_needed=1.26
readonly staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2
readonly nfpm=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
readonly programs=(oibus=./agent/cmd/oibus oibus-launcher=./launcher/cmd/oibus-launcher oibus-installer=./installer/cmd/oibus-installer oibus-cloudsim=./testing/cloudsim/cmd/oibus-cloudsim)
readonly targets=(linux/amd64 linux/arm64 windows/amd64 windows/arm64)
readonly wine_packages=(./platform/... ./agent/store ./agent/config ./launcher/handover ./launcher/handshake ./launcher/options ./launcher/release ./installer)
readonly slow_wine_packages=(./agent/script ./launcher ./launcher/backup ./launcher/upgrade) # minutes each
export GOTOOLCHAIN=local
export GOFLAGS="${GOFLAGS:-} -trimpath" # what was built and tested in one folder counts in another

say() { printf '%s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

need_go() {
  local have
  have=$(go env GOVERSION 2>/dev/null || true)
  have=${have#go}
  [[ -n $have && $(printf '%s\n%s\n' "$go_needed" "$have" | sort -V | head -n 1) == "$go_needed" ]] ||
    fail "OIBus needs Go $go_needed or newer, found ${have:-none}: install it from https://go.dev/dl/ and put it on the PATH"
}

# The one source of the version is platform/version.go; OIBUS_VERSION overrides it for a release.
version() { printf '%s' "${OIBUS_VERSION:-$(sed -n 's/^var Version = "\(.*\)"$/\1/p' platform/version.go)}"; }

# stage NAME COMMAND... runs a command and prints how long it took.
stage() {
  local name=$1 start=$SECONDS
  shift
  say "== $name"
  local rc
  set +e # and no ||, within which no command of a function ends it
  (set -e; "$@")
  rc=$?
  set -e
  ((rc == 0)) || fail "== $name FAILED after $((SECONDS - start)) s"
  say "== $name: $((SECONDS - start)) s"
}

build() { OIBUS_TAGS='' packaging/compile.sh "$(version)" "$(go env GOOS)" "$(go env GOARCH)" dist "${programs[@]}"; }

# As they are released.
cross_build() {
  local t
  for t in "${targets[@]}"; do packaging/compile.sh "$(version)" "${t%/*}" "${t#*/}" "dist/cross/${t%/*}-${t#*/}" "${programs[@]}"; done
  ls -l dist/cross/*/ | awk 'NF > 7 { print $5, $9 }'
}

formatted() {
  local bad
  bad=$(gofmt -l agent launcher installer packaging platform testing)
  [[ -z $bad ]] || fail "not formatted by gofmt: $bad"
}

vet() {
  GOOS=linux go vet ./...
  GOOS=windows go vet ./...
}

# For Windows only what has files of its own there: the rest is the same.
lint() {
  GOBIN=$PWD/dist/tools GOFLAGS=-mod=mod go install "$staticcheck"
  GOOS=linux dist/tools/staticcheck ./...
  local special
  mapfile -t special < <(find agent launcher installer packaging platform testing -name '*_windows*.go' -o -name '*_other*.go' | xargs -n 1 dirname | sort -u)
  GOOS=windows dist/tools/staticcheck "${special[@]/#/./}"
}

# Packages of whose tests the race detector sees little, and which it makes slow: a browser, and what needs the libraries of
# databases built for it.
readonly plain='oibus/agent oibus/agent/cmd/oibus oibus/agent/web/page oibus/agent/takeover oibus/agent/south/sqlite oibus/agent/south/mssql oibus/agent/south/oracle'
# Tests of other processes, of which the race detector sees nothing: they run with the real programs, end to end.
readonly outside='^oibus/testing/(architecture|bench|conformance|e2e|fault|peers)(/|$)'

unit_tests() {
  if ! command -v "$(go env CC)" >/dev/null; then
    say "no C compiler: the tests run without the race detector"
    go test ./...
    return
  fi
  # Under the race detector, tests of much work are left out or made shorter; their packages run once more without it.
  local raced long
  mapfile -t raced < <(go list ./... | grep -vxF "${plain// /$'\n'}" | grep -vE "$outside")
  mapfile -t long < <(grep -rl --include='*_test.go' 'testing\.Short()' agent launcher installer packaging platform testing | xargs -n 1 dirname | sed 's|^|oibus/|' | grep -vE "$outside" | cat - <(printf '%s\n' $plain) | sort -u)
  # Most of them wait most of the time: for another process, or for the end of a time limit.
  GORACE=atexit_sleep_ms=20 CGO_ENABLED=1 go test -race -short -p 3 -parallel 6 "${raced[@]}"
  go test -parallel 4 "${long[@]}"
}

# Tests of the real binaries, which skip unless OIBUS_DIST names their folder. Those against the servers of others have a verb
# of their own; the simulator has been tested before.
end_to_end() {
  local packages
  mapfile -t packages < <(go list ./testing/... | grep -vE '^oibus/testing/(peers|cloudsim)(/|$)')
  OIBUS_DIST=$PWD/dist go test -count=1 -timeout 15m "$@" "${packages[@]}"
}

check() {
  need_go
  stage format formatted
  stage vet vet
  stage staticcheck lint
  stage 'unit tests' unit_tests
  stage 'cross builds' cross_build
  stage build build
  stage 'end to end' end_to_end
}

# The packages that OIAnalytics and people hand to an installed OIBus, signed when OIBUS_RELEASE_KEY names a key file.
release() {
  cross_build
  release_zips
}

release_zips() {
  SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)} go run ./packaging/release --version "$(version)" \
    --state-written "$(sed -n 's/^const SchemaLevel = \([0-9]*\)$/\1/p' agent/store/store.go)" ${OIBUS_RELEASE_KEY:+--key "$OIBUS_RELEASE_KEY"}
}

# Everything that people download, into dist/packages: archives, deb, rpm, MSI (where wixl is), with their bills of
# materials and checksums. The same commit gives the same bytes. With OIBUS_SIGN_CERTIFICATE and OIBUS_SIGN_KEY (PEM files)
# the Windows programs and the MSI are signed.
package() {
  local out=dist/packages arch
  SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
  export SOURCE_DATE_EPOCH
  build
  [[ -x dist/tools/nfpm ]] || GOBIN=$PWD/dist/tools GOFLAGS=-mod=mod go install "$nfpm"
  cross_build
  packaging/windows/sign.sh dist/cross/windows-*/oibus*.exe
  rm -rf dist/release "$out"
  mkdir -p "$out"
  release_zips
  cp dist/release/*.zip dist/release/*.cdx.json "$out"
  for arch in amd64 arm64; do
    packaging/linux/archive.sh "$(version)" "$arch" "$out"
    packaging/linux/build.sh "$(version)" "$arch" "$out"
  done
  if command -v wixl >/dev/null && command -v msibuild >/dev/null; then
    packaging/windows/build.sh "$(version)" dist/cross/windows-amd64 "$out"
  else
    say 'no MSI: wixl and msitools are missing'
  fi
  (cd "$out" && sha256sum -- * >SHA256SUMS)
  ls -l "$out" | awk 'NF > 7 { print $5, $9 }'
}

test_packages() {
  need_go
  testing/packages/all.sh "$@"
}

test_wine() {
  local rc=0
  local packages=("${wine_packages[@]}")
  [[ ${1:-} == all ]] && packages+=("${slow_wine_packages[@]}")
  testing/wine.sh "${packages[@]}" || rc=$?
  [[ $rc == 77 ]] && { say 'skipped: there is no Wine here'; rc=0; }
  return "$rc"
}

# The servers of others that connectors are tested against: from Debian as root, and from npm into dist/peers.
peers() {
  local missing
  mapfile -t missing < <(grep -v '^#' testing/peers/debian.txt | xargs -n 1 sh -c 'dpkg -s "$0" >/dev/null 2>&1 || echo "$0"')
  if ((${#missing[@]})); then
    [[ $EUID == 0 ]] || fail "as root: apt-get install ${missing[*]}"
    apt-get install -y --no-install-recommends "${missing[@]}" >/dev/null
  fi
  mkdir -p dist/peers
  cp testing/peers/package.json testing/peers/package-lock.json dist/peers
  (cd dist/peers && npm ci --silent --no-audit --no-fund --ignore-scripts)
}

# Connectors against those servers, whose absence is a failure; with the word here, against those that the machine has.
test_peers() {
  local must=required
  [[ ${1:-} == here ]] && must=
  [[ -z $must ]] || peers
  build
  OIBUS_DIST=$PWD/dist OIBUS_PEERS=$must go test -count=1 -timeout 15m ./testing/peers/...
}

run() {
  need_go
  build
  local dir=${1:-run} sim=http://127.0.0.1:4500
  mkdir -p "$dir/data"
  dir=$(cd "$dir" && pwd)
  [[ -e $dir/data/oibus.toml ]] || printf '# Registers with the local simulator: the code is printed, logged and on the page.\n[oianalytics]\nhost = "%s"\ncommand_refresh_interval = 2\n' "$sim" >"$dir/data/oibus.toml"
  trap 'trap - EXIT INT TERM; kill $(jobs -p) 2>/dev/null; wait' EXIT INT TERM
  dist/oibus-cloudsim --listen 127.0.0.1:4500 --state "$dir/cloudsim.json" &
  dist/oibus-launcher --config "$dir/data" &
  local i
  for i in {1..100}; do
    curl --silent --fail --output /dev/null http://127.0.0.1:2223/api/status && break
    sleep 0.1
  done
  say
  say "OIBus admin page:       http://127.0.0.1:2223"
  [[ -e $dir/data/secrets/first-password.txt ]] && say "  user and password:    $(cat "$dir/data/secrets/first-password.txt")"
  say "OIAnalytics simulator:  $sim   (enter there the code that OIBus shows)"
  say "Data folder:            $dir/data"
  say "Ctrl-C stops everything."
  wait -n
}

usage() {
  cat <<'TXT'
./build.sh build            all programs into dist/
./build.sh run [DIR]        build, then start the local OIAnalytics simulator, the launcher and the agent on data in DIR (default: run)
./build.sh check            format, vet, staticcheck, unit tests, cross builds, end-to-end tests
./build.sh test             the same
./build.sh test-wine [all]  unit tests of the parts that touch Windows, under Wine; all: those that take minutes too
./build.sh test-packages [PART]...  the packages on a real systemd and under Wine, as root on Debian: debian redhat windows switch reproducible;
                            broken: that no check passes packages that are broken on purpose
./build.sh test-peers [here]  connectors against servers of others (databases, brokers, file servers); here: those that are here; `peers` only installs them
./build.sh sweep            the long fault tests, whole
./build.sh bench            speed and memory, as a table
./build.sh release          upgrade packages for each platform into dist/release/
./build.sh package          archives, deb, rpm and MSI with checksums and bills of materials into dist/packages/
./build.sh clean            remove what was built
TXT
}

case ${1:-} in
  build) need_go; build ;;
  run) shift; run "$@" ;;
  check | test) check ;;
  test-wine) shift; need_go; test_wine "$@" ;;
  peers) peers ;;
  test-peers) shift; need_go; test_peers "$@" ;;
  test-packages) shift; test_packages "$@" ;;
  sweep) need_go; build; OIBUS_SWEEP=1 go test -count=1 ./agent/web/page ./agent/takeover; OIBUS_SWEEP=1 end_to_end -v -timeout 60m -run Sweep; OIBUS_SWEEP=1 OIBUS_DIST=$PWD/dist go test -count=1 -v -timeout 120m ./testing/peers/... ;;
  bench) shift; need_go; build; OIBUS_DIST=$PWD/dist go run ./testing/bench "$@" ;;
  release) need_go; release ;;
  package) need_go; package ;;
  clean) rm -rf dist ;;
  version) version ;;
  *) usage; [[ -z ${1:-} ]] || exit 2 ;;
esac
