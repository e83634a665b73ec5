package manifest

func southOPC(_ Dialect) South {
	return south("opc", iot, Modes{History: true}, fields(
		text("agentUrl", "http://ip-adress-or-host:2224").at(0, 9).hidden(),
		number("retryInterval", 10000).unit("ms").between(100, 30000).at(0, 3).hidden(),
		text("host", "localhost").at(1, 8),
		text("serverName", "Matrikon.OPC.Simulation").at(1, 4),
		choice("mode", "hda", "hda", "da").at(1, 2),
	), items(poll,
		text("nodeId").at(0, 4),
		choice("aggregate", "raw", append(append([]string{"raw"}, opcAggregates...), "annotations")...).at(0, 4).hidden(),
		choice("resampling", "raw", resamplings...).when("aggregate", anyOf(opcAggregates)...).at(0, 4).hidden(),
	))
}

// opcAggregates are the aggregates that need an interval.
var opcAggregates = []string{"interpolative", "total", "average", "time-average", "count", "stdev", "minimum-actual-time", "minimum",
	"maximum-actual-time", "maximum", "start", "end", "delta", "reg-slope", "reg-const", "reg-dev", "variance", "range", "duration-good",
	"duration-bad", "percent-good", "percent-bad", "worst-quality"}

func anyOf(texts []string) []any {
	values := make([]any, len(texts))
	for i, text := range texts {
		values[i] = text
	}
	return values
}
