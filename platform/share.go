package platform

import "errors"

// ErrNoShares says that shares with credentials of their own exist on Windows only.
var ErrNoShares = errors.New("a user name for a network share works on Windows only: mount the share and leave the user name empty")
