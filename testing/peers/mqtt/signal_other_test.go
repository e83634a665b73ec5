//go:build !unix

package mqtt

import "errors"

func askToSave(int) error {
	return errors.New("a broker is asked to save by a signal, which this system does not have")
}
