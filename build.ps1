# Builds, runs and tests OIBus on Windows. See README.md; `./build.ps1` alone lists the verbs.
param([string]$Verb = '', [string]$Dir = 'run')
$ErrorActionPreference = 'Stop'
Set-Location $PSScriptRoot
$env:GOTOOLCHAIN = 'local'

$goNeeded = [version]'1.26'
$staticcheck = 'honnef.co/go/tools/cmd/staticcheck@v0.8.2'
$programs = [ordered]@{
  'oibus' = './agent/cmd/oibus'; 'oibus-launcher' = './launcher/cmd/oibus-launcher'
  'oibus-installer' = './installer/cmd/oibus-installer'; 'oibus-cloudsim' = './testing/cloudsim/cmd/oibus-cloudsim'
}
$targets = 'linux/amd64', 'linux/arm64', 'windows/amd64', 'windows/arm64'

function Need-Go {
  $have = ''
  if (Get-Command go -ErrorAction SilentlyContinue) { $have = (go env GOVERSION) -replace '^go', '' -replace '[^0-9.].*$', '' }
  if (-not $have -or [version]$have -lt $goNeeded) {
    Write-Error "OIBus needs Go $goNeeded or newer, found $(if ($have) { $have } else { 'none' }): install it from https://go.dev/dl/ and put it on the PATH"
  }
}

# The one source of the version is platform/version.go; OIBUS_VERSION overrides it for a release.
function Get-Version {
  if ($env:OIBUS_VERSION) { return $env:OIBUS_VERSION }
  (Select-String -Path platform/version.go -Pattern '^var Version = "(.*)"$').Matches[0].Groups[1].Value
}

function Invoke-Checked { param([scriptblock]$Block) & $Block; if ($LASTEXITCODE -ne 0) { throw "failed with exit code $LASTEXITCODE" } }

function Compile($os, $arch, $folder, $tags = '') {
  $suffix = if ($os -eq 'windows') { '.exe' } else { '' }
  $env:CGO_ENABLED = '0'; $env:GOOS = $os; $env:GOARCH = $arch
  try {
    foreach ($p in $programs.Keys) {
      Invoke-Checked { go build -trimpath -tags "$tags" -ldflags "-s -w -X oibus/platform.Version=$(Get-Version)" -o "$folder/$p$suffix" $programs[$p] }
    }
  } finally { Remove-Item Env:CGO_ENABLED, Env:GOOS, Env:GOARCH }
}

function Build { Compile (go env GOOS) (go env GOARCH) 'dist' }

function Stage($name, [scriptblock]$block) {
  $start = Get-Date
  Write-Host "== $name"
  & $block
  Write-Host ("== {0}: {1:n0} s" -f $name, ((Get-Date) - $start).TotalSeconds)
}

function Check {
  Stage 'format' { $bad = gofmt -l agent launcher installer packaging platform testing; if ($bad) { throw "not formatted by gofmt: $bad" } }
  Stage 'vet' { foreach ($os in 'linux', 'windows') { $env:GOOS = $os; try { Invoke-Checked { go vet ./... } } finally { Remove-Item Env:GOOS } } }
  Stage 'staticcheck' {
    $env:GOBIN = "$PSScriptRoot/dist/tools"
    try { Invoke-Checked { go install $staticcheck } } finally { Remove-Item Env:GOBIN }
    Invoke-Checked { & dist/tools/staticcheck ./... }
  }
  Stage 'unit tests' {
    if (Get-Command gcc -ErrorAction SilentlyContinue) { Invoke-Checked { go test -race ./... } }
    else { Write-Host 'no C compiler: the tests run without the race detector'; Invoke-Checked { go test ./... } }
  }
  Stage 'cross builds' { foreach ($t in $targets) { $os, $arch = $t -split '/'; Compile $os $arch "dist/cross/$os-$arch" 'oracle' } }
  Stage 'build' { Build }
  Stage 'end to end' { $env:OIBUS_DIST = "$PSScriptRoot/dist"; try { Invoke-Checked { go test -count=1 -timeout 15m ./testing/... } } finally { Remove-Item Env:OIBUS_DIST } }
}

function Run {
  Build
  $sim = 'http://127.0.0.1:4500'
  New-Item -ItemType Directory -Force "$Dir/data" | Out-Null
  $full = (Resolve-Path $Dir).Path
  if (-not (Test-Path "$full/data/oibus.toml")) {
    "# Registers with the local simulator: the code is printed, logged and on the page.`n[oianalytics]`nhost = `"$sim`"`ncommand_refresh_interval = 2`n" | Set-Content -NoNewline "$full/data/oibus.toml"
  }
  $processes = @(
    Start-Process -PassThru -NoNewWindow dist/oibus-cloudsim.exe -ArgumentList '--listen', '127.0.0.1:4500', '--state', "`"$full/cloudsim.json`""
    Start-Process -PassThru -NoNewWindow dist/oibus-launcher.exe -ArgumentList '--config', "`"$full/data`""
  )
  try {
    for ($i = 0; $i -lt 100; $i++) {
      try { Invoke-WebRequest -UseBasicParsing http://127.0.0.1:2223/api/status | Out-Null; break } catch { Start-Sleep -Milliseconds 100 }
    }
    Write-Host "`nOIBus admin page:       http://127.0.0.1:2223"
    if (Test-Path "$full/data/secrets/first-password.txt") { Write-Host "  user and password:    $(Get-Content "$full/data/secrets/first-password.txt")" }
    Write-Host "OIAnalytics simulator:  $sim   (enter there the code that OIBus shows)"
    Write-Host "Data folder:            $full\data`nCtrl-C stops everything."
    Wait-Process -Id $processes[1].Id
  } finally { $processes | Where-Object { -not $_.HasExited } | Stop-Process }
}

# Archives and the MSI of this platform's tools into dist/packages. The MSI needs WiX 5: dotnet tool install --global wix --version 5.*
# With OIBUS_SIGN_THUMBPRINT, that of a certificate for code in the store of this user, programs and MSI are signed;
# OIBUS_SIGN_TIMESTAMP is the URL of a time stamp server. deb and rpm are made by build.sh.
function Sign { param([string[]]$Files)
  if (-not $env:OIBUS_SIGN_THUMBPRINT) { return }
  $stamp = if ($env:OIBUS_SIGN_TIMESTAMP) { @('/tr', $env:OIBUS_SIGN_TIMESTAMP, '/td', 'sha256') } else { @() }
  Invoke-Checked { signtool sign /sha1 $env:OIBUS_SIGN_THUMBPRINT /fd sha256 @stamp /d OIBus @Files }
}

function Release {
  if (-not $env:SOURCE_DATE_EPOCH) { $env:SOURCE_DATE_EPOCH = git log -1 --format=%ct }
  $level = (Select-String -Path agent/store/store.go -Pattern '^const SchemaLevel = (\d+)$').Matches[0].Groups[1].Value
  $key = if ($env:OIBUS_RELEASE_KEY) { @('--key', $env:OIBUS_RELEASE_KEY) } else { @() }
  Invoke-Checked { go run ./packaging/release --version (Get-Version) --state-written $level @key }
}

function Package {
  $version = Get-Version
  $out = 'dist/packages'
  foreach ($t in $targets) { $os, $arch = $t -split '/'; Compile $os $arch "dist/cross/$os-$arch" 'oracle' }
  Sign (Get-ChildItem dist/cross/windows-*/oibus*.exe).FullName
  Remove-Item -Recurse -Force dist/release, $out -ErrorAction SilentlyContinue
  Release
  New-Item -ItemType Directory -Force $out, dist/doc | Out-Null
  Copy-Item dist/release/*.zip, dist/release/*.cdx.json $out
  if (Get-Command wix -ErrorAction SilentlyContinue) {
    Copy-Item LICENSE, oibus.toml.example dist/doc
    Copy-Item "dist/release/oibus-win_x64-v$version.cdx.json" dist/doc/oibus-sbom.json
    $msi = "$out/oibus-win_x64-v$version.msi"
    $numbers = $version -replace '^(\d+\.\d+\.\d+).*$', '$1'
    Invoke-Checked { wix build packaging/windows/oibus.wxs -arch x64 -d "Version=$numbers" -d 'Bin=dist\cross\windows-amd64' -d 'Doc=dist\doc' -o $msi }
    Remove-Item ($msi -replace 'msi$', 'wixpdb') -ErrorAction SilentlyContinue
    Sign $msi
  } else { Write-Host 'no MSI: WiX 5 is missing (dotnet tool install --global wix --version 5.*)' }
  $sums = Get-ChildItem $out -File | Sort-Object Name | ForEach-Object { "$((Get-FileHash -Algorithm SHA256 $_.FullName).Hash.ToLower())  $($_.Name)" }
  [IO.File]::WriteAllText("$PSScriptRoot/$out/SHA256SUMS", ($sums -join "`n") + "`n")
  Get-ChildItem $out | Format-Table Length, Name
}

switch ($Verb) {
  'build' { Need-Go; Build }
  'run' { Need-Go; Run }
  { $_ -in 'check', 'test' } { Need-Go; Check }
  'test-packages' { Write-Host 'the packages are tested on Debian: ./build.sh test-packages; the README has a sheet for a real Windows' }
  'sweep' { Need-Go; Build; $env:OIBUS_DIST = "$PSScriptRoot/dist"; $env:OIBUS_SWEEP = '1'; Invoke-Checked { go test -count=1 -v -timeout 60m -run Sweep ./testing/... } }
  'bench' { Need-Go; Build; $env:OIBUS_DIST = "$PSScriptRoot/dist"; Invoke-Checked { go run ./testing/bench } }
  'release' {
    Need-Go
    foreach ($t in $targets) { $os, $arch = $t -split '/'; Compile $os $arch "dist/cross/$os-$arch" 'oracle' }
    Release
  }
  'package' { Need-Go; Package }
  'clean' { Remove-Item -Recurse -Force dist -ErrorAction SilentlyContinue }
  'version' { Get-Version }
  default {
    Write-Host @'
./build.ps1 build            all programs into dist/
./build.ps1 run [DIR]        build, then start the local OIAnalytics simulator, the launcher and the agent on data in DIR (default: run)
./build.ps1 check            format, vet, staticcheck, unit tests, cross builds, end-to-end tests
./build.ps1 test             the same
./build.ps1 test-packages    says where the packages are tested
./build.ps1 sweep            the long fault tests, whole
./build.ps1 bench            speed and memory, as a table
./build.ps1 release          upgrade packages for each platform into dist/release/
./build.ps1 package          archives and the MSI (WiX 5) with checksums and bills of materials into dist/packages/
./build.ps1 clean            remove what was built
'@
    if ($Verb) { exit 2 }
  }
}
