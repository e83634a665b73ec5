package transform

import "oibus/agent/content"

func timeValuesToOPCUA() Transformer {
	return mapped{kind: content.OPCUA, read: opcuaTarget, write: writeNode}
}

func setpointToOPCUA() Transformer {
	return mapped{kind: content.OPCUA, setpoints: true, read: opcuaTarget, write: writeNode}
}

// writeNode hands the value on as it is.
func writeNode(dst []byte, to target, value []byte, _ *content.Value, _ *[]byte) ([]byte, error) {
	dst = content.AppendString(append(dst, `{"nodeId":`...), to.address)
	if value != nil {
		dst = appendJSON(append(dst, `,"value":`...), value)
	}
	return append(dst, '}'), nil
}
