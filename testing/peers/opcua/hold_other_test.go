//go:build !unix

package opcua

import "errors"

func stop(int) error { return errors.ErrUnsupported }
