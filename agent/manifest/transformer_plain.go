package manifest

func iso() Transformer {
	return transformer("iso", "any", "any", options())
}

func ignore() Transformer {
	return transformer("ignore", "any", "any", options())
}

func timeValuesToJSON() Transformer {
	return transformer("time-values-to-json", "time-values", "any", options())
}
