package platform

import "errors"

// ErrNoClone says that files cannot be cloned there: copy them.
var ErrNoClone = errors.New("the file system cannot clone files")
