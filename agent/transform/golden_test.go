package transform

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"oibus/agent/content"
)

func TestTheRecordedTestOfATransformerGivesTheSame(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "golden", "test-transformer-south-item.json"))
	if err != nil {
		t.Skip("the recorded exchanges are not here: ../shared/golden")
	}
	var scenario struct {
		Outcomes []struct{ Result string }
	}
	if err := json.Unmarshal(data, &scenario); err != nil || len(scenario.Outcomes) != 1 {
		t.Fatalf("%d outcomes, error %v", len(scenario.Outcomes), err)
	}
	var result struct {
		Raw         struct{ Content json.RawMessage }
		Transformed struct{ Content string }
	}
	if err := json.Unmarshal([]byte(scenario.Outcomes[0].Result), &result); err != nil {
		t.Fatal(err)
	}
	_, got, n, err := run(t, "time-values-to-oianalytics", input(content.TimeValues, string(result.Raw.Content), `{"precision":"ms"}`))
	if err != nil || got != result.Transformed.Content || n != 2 {
		t.Errorf("%s, %d elements, error %v, want %s", got, n, err, result.Transformed.Content)
	}
}
