package contract

import "testing"

func TestAnExpositionIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	series, err := Exposition("# HELP a_total What it is.\n# TYPE a_total counter\na_total{id=\"1\",name=\"a\\\"b\\\\{}\"} 3\na_total{id=\"2\"} 4.5e+3\n# HELP b One.\n# TYPE b gauge\nb -1\n")
	if err != nil || len(series) != 3 {
		t.Fatalf("%v, %v", series, err)
	}
	if v, ok := series.Of("a_total", `id="2"`); !ok || v != 4500 {
		t.Errorf("%v, %v", v, ok)
	}
	if _, ok := series.Of("a_total", `id="3"`); ok {
		t.Error("found what is not there")
	}
}

func TestAnExpositionThatBreaksTheFormatIsRefused(t *testing.T) {
	t.Parallel()
	const head = "# HELP a What.\n# TYPE a gauge\n"
	for name, text := range map[string]string{
		"no type":               "# HELP a What.\na 1\n",
		"no help":               "a 1\n",
		"a quote that is open":  head + "a{n=\"x} 1\n",
		"a line that goes on":   head + "a{n=\"x\ny\"} 1\n",
		"an unknown escape":     head + "a{n=\"\\t\"} 1\n",
		"no value":              head + "a x\n",
		"twice":                 head + "a 1\na 1\n",
		"a label twice":         head + "a{n=\"1\",n=\"2\"} 1\n",
		"two places":            head + "a 1\n# HELP b B.\n# TYPE b gauge\nb 1\na{x=\"1\"} 2\n",
		"a counter by name":     "# HELP a_total What.\n# TYPE a_total gauge\na_total 1\n",
		"a counter below 0":     "# HELP a_total What.\n# TYPE a_total counter\na_total -1\n",
		"a control character":   head + "a{n=\"\x00\"} 1\n",
		"no UTF-8":              head + "a{n=\"\xff\"} 1\n",
		"no end of line":        head + "a 1",
		"a comment out of line": head + "a 1\n# HELP a What.\n",
	} {
		if series, err := Exposition(text); err == nil {
			t.Errorf("%s: taken as %v", name, series)
		}
	}
}
