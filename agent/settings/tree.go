package settings

import (
	"encoding/json"
	"fmt"
	"strings"
)

// toTree turns settings into nested maps, as their JSON is.
func toTree(v any) (map[string]any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("cannot encode settings: %w", err)
	}
	var tree map[string]any
	if err := json.Unmarshal(data, &tree); err != nil {
		return nil, fmt.Errorf("cannot decode settings: %w", err)
	}
	return tree, nil
}

func setPath(tree map[string]any, path string, value any) {
	first, rest, nested := strings.Cut(path, ".")
	if !nested {
		tree[first] = value
		return
	}
	sub, ok := tree[first].(map[string]any)
	if !ok {
		sub = map[string]any{}
		tree[first] = sub
	}
	setPath(sub, rest, value)
}

func getPath(tree map[string]any, path string) any {
	first, rest, nested := strings.Cut(path, ".")
	if !nested {
		return tree[first]
	}
	sub, _ := tree[first].(map[string]any)
	return getPath(sub, rest)
}
