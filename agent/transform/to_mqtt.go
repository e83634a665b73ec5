package transform

import "oibus/agent/content"

func timeValuesToMQTT() Transformer {
	return mapped{kind: content.MQTT, read: mqttTarget, write: func(dst []byte, to target, _ []byte, v *content.Value, scratch *[]byte) ([]byte, error) {
		*scratch = appendReading((*scratch)[:0], v)
		return appendMessage(dst, to.address, *scratch), nil
	}}
}

func setpointToMQTT() Transformer {
	return mapped{kind: content.MQTT, setpoints: true, read: mqttTarget, write: func(dst []byte, to target, value []byte, _ *content.Value, _ *[]byte) ([]byte, error) {
		if t, ok := content.Text(value); ok {
			return appendMessage(dst, to.address, t), nil
		}
		return appendMessage(dst, to.address, appendJSON(nil, value)), nil
	}}
}

func appendMessage(dst []byte, topic string, payload []byte) []byte {
	dst = content.AppendString(append(dst, `{"topic":`...), topic)
	return append(appendText(append(dst, `,"payload":`...), payload), '}')
}

// appendReading appends the members of the data of v and its timestamp. A timestamp among the data is replaced where
// it stands.
func appendReading(dst []byte, v *content.Value) []byte {
	dst = append(dst, '{')
	stamped := v.Timestamp == nil
	for name, value := range members(v.Data) {
		if string(name) == `"timestamp"` && v.Timestamp != nil {
			value, stamped = v.Timestamp, true
		}
		dst = append(appendJSON(append(appendJSON(dst, name), ':'), value), ',')
	}
	if !stamped {
		dst = append(appendJSON(append(dst, `"timestamp":`...), v.Timestamp), ',')
	}
	if last := len(dst) - 1; dst[last] == ',' {
		dst = dst[:last]
	}
	return append(dst, '}')
}
