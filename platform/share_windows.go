package platform

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	mpr              = windows.NewLazySystemDLL("mpr.dll")
	addConnection    = mpr.NewProc("WNetAddConnection2W")
	cancelConnection = mpr.NewProc("WNetCancelConnection2W")
)

const (
	resourceDisk        = 1    // RESOURCETYPE_DISK
	connectionTemporary = 4    // CONNECT_TEMPORARY
	notConnected        = 2250 // ERROR_NOT_CONNECTED
	noNetwork           = 1222 // ERROR_NO_NETWORK
	openFiles           = 2401 // ERROR_OPEN_FILES
	otherCredentials    = 1219 // ERROR_SESSION_CREDENTIAL_CONFLICT
)

// netResource is NETRESOURCEW.
type netResource struct {
	scope, kind, displayType, usage          uint32
	localName, remoteName, comment, provider *uint16
}

// ConnectShare opens the share \\server\share with the credentials of user, which may be preceded by a domain, for
// this process and its session. A connection with other credentials is closed for it; the same one is used again.
func ConnectShare(share, user, password string) error {
	code, err := addShare(share, user, password)
	if err == nil && code == otherCredentials {
		_, _ = cancelShare(share, 1)
		code, err = addShare(share, user, password)
	}
	switch {
	case err != nil:
		return fmt.Errorf("cannot open share %s: %w", share, err)
	case code != 0 && code != notConnected:
		return fmt.Errorf("cannot open share %s as %s: %w", share, user, syscall.Errno(code))
	}
	return nil
}

// DisconnectShare closes a share that ConnectShare opened. One that is not open, or whose files are in use, stays as it is.
func DisconnectShare(share string) error {
	code, err := cancelShare(share, 0)
	if err != nil {
		return fmt.Errorf("cannot close share %s: %w", share, err)
	}
	switch code {
	case 0, notConnected, noNetwork, openFiles:
		return nil
	}
	return fmt.Errorf("cannot close share %s: %w", share, syscall.Errno(code))
}

func cancelShare(share string, force uintptr) (code uintptr, err error) {
	name, err := windows.UTF16PtrFromString(share)
	if err != nil {
		return 0, err
	}
	if err := cancelConnection.Find(); err != nil {
		return 0, err
	}
	code, _, _ = cancelConnection.Call(uintptr(unsafe.Pointer(name)), 0, force)
	return code, nil
}

func addShare(share, user, password string) (code uintptr, err error) {
	var texts [3]*uint16
	for i, s := range []string{share, user, password} {
		if texts[i], err = windows.UTF16PtrFromString(s); err != nil {
			return 0, errors.New("the name of the share, the user name or the password holds a zero character")
		}
	}
	if err := addConnection.Find(); err != nil {
		return 0, err
	}
	resource := netResource{kind: resourceDisk, remoteName: texts[0]}
	code, _, _ = addConnection.Call(uintptr(unsafe.Pointer(&resource)), uintptr(unsafe.Pointer(texts[2])),
		uintptr(unsafe.Pointer(texts[1])), connectionTemporary)
	return code, nil
}

// SafeFileName is name, one element of a path, as this system accepts it for a file: characters that it reserves, names
// of devices, and dots and spaces at the end are replaced.
func SafeFileName(name string) string {
	safe := strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`<>:"/\|?*`, r) {
			return '_'
		}
		return r
	}, name)
	if cut := strings.TrimRight(safe, ". "); len(cut) < len(safe) {
		safe = cut + strings.Repeat("_", len(safe)-len(cut))
	}
	if safe != "" && !filepath.IsLocal(safe) {
		safe = "_" + safe
	}
	return safe
}
