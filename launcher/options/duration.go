package options

import (
	"fmt"
	"time"
)

// Duration is a time span that TOML holds as text, such as "30s" or "1m30s".
type Duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf(`%q is not a duration: write text such as "500ms", "30s" or "1m30s"`, text)
	}
	*d = Duration(v)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d Duration) String() string { return time.Duration(d).String() }

// Std is d in the type of the standard library.
func (d Duration) Std() time.Duration { return time.Duration(d) }
