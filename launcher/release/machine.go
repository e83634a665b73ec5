package release

import "encoding/binary"

// machineHead is how much of a program machineOf needs to see.
const machineHead = 4 << 10

// machineOf tells from the beginning of a program which platform and architecture it is for, in the words of the
// wire, or "" for what it does not know: that is found out when the program is asked for its version.
func machineOf(head []byte) (system, architecture string) {
	le := binary.LittleEndian
	switch {
	case len(head) >= 20 && string(head[:4]) == "\x7fELF":
		return Linux, map[uint16]string{62: X64, 183: ARM64, 3: "ia32", 40: "arm"}[le.Uint16(head[18:])]
	case len(head) >= 64 && string(head[:2]) == "MZ":
		at := int64(le.Uint32(head[60:]))
		if at+6 > int64(len(head)) || string(head[at:at+4]) != "PE\x00\x00" {
			return Windows, ""
		}
		return Windows, map[uint16]string{0x8664: X64, 0xaa64: ARM64, 0x14c: "ia32"}[le.Uint16(head[at+4:])]
	case len(head) >= 8 && le.Uint32(head) == 0xfeedfacf:
		return MacOS, map[uint32]string{0x01000007: X64, 0x0100000c: ARM64}[le.Uint32(head[4:])]
	}
	return "", ""
}

// checkProgram refuses a program that another machine would have to run.
func checkProgram(path string, head []byte, m Manifest) error {
	system, architecture := machineOf(head)
	if system != "" && system != m.Platform || architecture != "" && architecture != m.Architecture {
		return refuse(path, "is a program for %s %s, this is a package for %s %s", system, architecture, m.Platform, m.Architecture)
	}
	return nil
}
