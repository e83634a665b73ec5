package platform

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Platform is linux, windows, macos or unknown.
func Platform() string { return "windows" }

// OperatingSystem is the kernel's name and release, as "Windows_NT 10.0.20348".
func OperatingSystem() string {
	v := windows.RtlGetVersion()
	return fmt.Sprintf("Windows_NT %d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber)
}

var (
	psapi                = windows.NewLazySystemDLL("psapi.dll")
	kernel32             = windows.NewLazySystemDLL("kernel32.dll")
	getProcessMemoryInfo = psapi.NewProc("GetProcessMemoryInfo")
	globalMemoryStatusEx = kernel32.NewProc("GlobalMemoryStatusEx")
)

// memoryCounters is PROCESS_MEMORY_COUNTERS.
type memoryCounters struct {
	size, pageFaults                                                      uint32
	peakWorkingSet, workingSet                                            uintptr
	quotaPeakPaged, quotaPaged, quotaPeakNonPaged, quotaNonPaged, _, peak uintptr
}

// MemoryRSS is the resident memory of this process in bytes, 0 when the system does not tell.
func MemoryRSS() uint64 {
	var c memoryCounters
	c.size = uint32(unsafe.Sizeof(c))
	ok, _, _ := getProcessMemoryInfo.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&c)), uintptr(c.size))
	if ok == 0 {
		return 0
	}
	return uint64(c.workingSet)
}

// CPUTime is the processor time that this process has used, 0 when the system does not tell.
func CPUTime() time.Duration {
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(windows.CurrentProcess(), &created, &exited, &kernel, &user); err != nil {
		return 0
	}
	return hundredNanos(kernel) + hundredNanos(user)
}

func hundredNanos(f windows.Filetime) time.Duration {
	return time.Duration(uint64(f.HighDateTime)<<32|uint64(f.LowDateTime)) * 100
}

// memoryStatus is MEMORYSTATUSEX.
type memoryStatus struct {
	length, load                                          uint32
	totalPhys, availPhys, totalPage, availPage, totalVirt uint64
	availVirt, availExtendedVirt                          uint64
}

// MemoryTotal is the memory of this machine and what is available of it, in bytes.
func MemoryTotal() (available, total uint64) {
	var m memoryStatus
	m.length = uint32(unsafe.Sizeof(m))
	if ok, _, _ := globalMemoryStatusEx.Call(uintptr(unsafe.Pointer(&m))); ok == 0 {
		return 0, 0
	}
	return m.availPhys, m.totalPhys
}

// DiskFree says how many bytes this process may still write to the file system of path, and its size.
func DiskFree(path string) (free, total uint64, err error) {
	p, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, 0, fmt.Errorf("cannot ask for the free space of %q: %w", path, err)
	}
	if err := windows.GetDiskFreeSpaceEx(p, &free, &total, nil); err != nil {
		return 0, 0, fmt.Errorf("cannot ask for the free space of %q: %w", path, err)
	}
	return free, total, nil
}
