package platform

import "golang.org/x/sys/unix"

const auditMachine = unix.AUDIT_ARCH_AARCH64

var callsOfMachine = []uint32{unix.SYS_PPOLL}
