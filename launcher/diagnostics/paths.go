package diagnostics

import "encoding/json"

// EachPath calls f with each setting of a connector, at any depth, that names something on this machine.
func EachPath(settings json.RawMessage, f func(key, path string)) {
	var v any
	if json.Unmarshal(settings, &v) == nil { // what is damaged names nothing
		eachPath("", v, f)
	}
}

func eachPath(key string, v any, f func(key, path string)) {
	switch v := v.(type) {
	case map[string]any:
		for key, one := range v {
			eachPath(key, one, f)
		}
	case []any:
		for _, one := range v {
			eachPath(key, one, f)
		}
	case string:
		switch key {
		case "inputFolder", "outputFolder", "databasePath", "keyFilePath", "certFilePath", "caFilePath":
			if v != "" {
				f(key, v)
			}
		}
	}
}
