package command

import (
	"errors"

	"oibus/agent/store"
)

// Adopt journals commands as another OIBus had them, in a state that has none. One that ran there was interrupted: the
// start settles it.
func Adopt(s *store.Store, list []Stored) error {
	if len(list) == 0 {
		return nil
	}
	log, err := store.OpenLog(s, journalName, func([]byte) error { return nil })
	if err != nil {
		return err
	}
	records := make([]any, len(list))
	for i := range list {
		records[i] = entry{Op: opPut, Command: &list[i]}
	}
	return errors.Join(log.Append(records...), log.Close())
}
