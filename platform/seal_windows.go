package platform

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Seal protects a key for storage on this machine with DPAPI, in machine scope, so that the service account can be
// changed; the folder's access list keeps other users out.
func Seal(key []byte) ([]byte, error) {
	var out windows.DataBlob
	if err := windows.CryptProtectData(blob(key), nil, nil, 0, nil, windows.CRYPTPROTECT_LOCAL_MACHINE|windows.CRYPTPROTECT_UI_FORBIDDEN, &out); err != nil {
		return nil, fmt.Errorf("cannot seal with DPAPI: %w", err)
	}
	return take(out)
}

// Unseal undoes Seal, on the same machine only.
func Unseal(sealed []byte) ([]byte, error) {
	var out windows.DataBlob
	if err := windows.CryptUnprotectData(blob(sealed), nil, nil, 0, nil, windows.CRYPTPROTECT_UI_FORBIDDEN, &out); err != nil {
		return nil, fmt.Errorf("cannot unseal with DPAPI: %w", err)
	}
	return take(out)
}

func blob(data []byte) *windows.DataBlob {
	if len(data) == 0 {
		return &windows.DataBlob{}
	}
	return &windows.DataBlob{Size: uint32(len(data)), Data: &data[0]}
}

// take copies what the system allocated and frees it.
func take(b windows.DataBlob) ([]byte, error) {
	data := append([]byte(nil), unsafe.Slice(b.Data, b.Size)...)
	if _, err := windows.LocalFree(windows.Handle(unsafe.Pointer(b.Data))); err != nil {
		return nil, fmt.Errorf("cannot free DPAPI memory: %w", err)
	}
	return data, nil
}
