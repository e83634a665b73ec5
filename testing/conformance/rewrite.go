package conformance

import (
	"fmt"
	"regexp"
	"strings"
)

// cipherForm is a secret encrypted for an agent: one block of a key of 4096 bits (protocol/control-plane.md, section 6.2).
var cipherForm = regexp.MustCompile(`^[A-Za-z0-9+/]{683}=$`)

// Rewriter turns a recorded command into one for our agent: its identifiers, ports and keys differ.
type Rewriter struct {
	IDs     map[string]string // recorded → ours
	Ports   map[float64]float64
	Texts   map[string]string // parts of texts
	Encrypt func(plain string) (string, error)
}

// Command returns the command to hand out.
func (w *Rewriter) Command(c map[string]any) (map[string]any, error) {
	out, err := w.value(c)
	if err != nil {
		return nil, fmt.Errorf("cannot rewrite command %v: %w", c["id"], err)
	}
	return out.(map[string]any), nil
}

func (w *Rewriter) value(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, child := range v {
			if out[k], err = w.value(child); err != nil {
				return nil, err
			}
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, child := range v {
			if out[i], err = w.value(child); err != nil {
				return nil, err
			}
		}
		return out, nil
	case string:
		if cipherForm.MatchString(v) {
			return w.Encrypt(ourSecret)
		}
		if id, ok := w.IDs[v]; ok {
			return id, nil
		}
		for recorded, ours := range w.Texts {
			v = strings.ReplaceAll(v, recorded, ours)
		}
		return v, nil
	case float64:
		if port, ok := w.Ports[v]; ok {
			return port, nil
		}
	}
	return v, nil
}

// Ciphers numbers the encrypted secrets in commands, so that an echo which is not the secret of the command is seen.
func Ciphers(commands []map[string]any) map[string]string {
	names := map[string]string{}
	for _, c := range commands {
		number(c, names)
	}
	return names
}

func number(v any, names map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range sortedKeys(v) {
			number(v[k], names)
		}
	case []any:
		for _, child := range v {
			number(child, names)
		}
	case string:
		if _, known := names[v]; !known && cipherForm.MatchString(v) {
			names[v] = fmt.Sprintf("secret %d as sent", len(names)+1)
		}
	}
}
