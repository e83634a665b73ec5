package platform

// Credential is nil on Windows, where DPAPI protects the key itself.
func Credential(string) ([]byte, error) { return nil, nil }
