// Package release is the upgrade package: how it is laid out, made, signed, checked and unpacked. It promises that
// what it accepts is complete, unchanged since it was made, for this machine, and proven by a trusted key when there
// is one, and that an unpacked release stands under its final name whole or not at all. It guards against hostile and
// damaged packages: paths that leave the folder, names that mean something else on another system, links, bombs,
// archives that two readers would read differently, swapped files, lost keys, full disks and power cuts.
//
// A package is a zip archive as OIAnalytics serves it (protocol/control-plane.md, section 9.2) with a manifest.json
// beside the files. A release is known by the manifest: whoever signs that vouches for every byte.
package release

import "oibus/platform"

// The files that each package has, apart from the suffix of Windows programs.
const (
	ManifestName = "manifest.json"
	launcherName = "oibus-launcher"
	agentName    = "binaries/oibus"
)

// The platforms and architectures a package can be for, in the words of the wire.
const (
	Linux   = "linux"
	Windows = "windows"
	MacOS   = "macos"
	X64     = "x64"
	ARM64   = "arm64"
)

// LauncherPath is where the launcher lies in a package and in an unpacked release, with slashes.
func LauncherPath(system string) string { return launcherName + programSuffix(system) }

// AgentPath is where the agent lies in a package and in an unpacked release, with slashes.
func AgentPath(system string) string { return agentName + programSuffix(system) }

func programSuffix(system string) string {
	if system == Windows {
		return ".exe"
	}
	return ""
}

// FileName is the public name of a package, such as oibus-win_x64-v3.9.0.zip.
func FileName(version, system, architecture string) string {
	if system == Windows {
		system = "win"
	}
	return "oibus-" + system + "_" + architecture + "-v" + version + ".zip"
}

// Limits bound what a package may ask of this machine. Sizes are in bytes.
type Limits struct {
	PackageSize  int64 // of the archive
	TotalSize    int64 // of all its files unpacked
	FileSize     int64 // of one of its files unpacked
	ManifestSize int64
	Entries      int // files and folders
	NameLength   int // of one entry
	// Ratio is how many times larger than packed a file may be. Small ones, which harm nobody, are exempt.
	Ratio int64
}

// DefaultLimits are far above any release and far below what hurts.
func DefaultLimits() Limits {
	return Limits{
		PackageSize:  3 << 30, // an archive of 4 GiB needs another format, which is not read
		TotalSize:    6 << 30,
		FileSize:     3 << 30,
		ManifestSize: 4 << 20,
		Entries:      10_000,
		NameLength:   200, // Windows allows 260 for the folder and the name
		Ratio:        200, // programs shrink to a third, text to a tenth
	}
}

// ratioExempt is the size up to which a file may shrink as much as it likes.
const ratioExempt = 1 << 20

// orThisMachine fills in what a policy leaves open.
func orThisMachine(system, architecture string) (string, string) {
	if system == "" {
		system = platform.Platform()
	}
	if architecture == "" {
		architecture = platform.Architecture()
	}
	return system, architecture
}
