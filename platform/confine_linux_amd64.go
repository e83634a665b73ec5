package platform

import "golang.org/x/sys/unix"

const auditMachine = unix.AUDIT_ARCH_X86_64

var callsOfMachine = []uint32{unix.SYS_EPOLL_WAIT, unix.SYS_ARCH_PRCTL, unix.SYS_POLL}
