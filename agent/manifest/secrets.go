package manifest

import (
	"encoding/json"
	"fmt"
	"strconv"

	"oibus/agent/entity"
	"oibus/agent/schema"
)

// Secrets lists where secrets stand in settings, as dotted paths. It names those whose object is there, whether or
// not they have a value.
func (a Attribute) Secrets(settings json.RawMessage) ([]string, error) {
	var paths []string
	_, err := a.change(settings, nil, func(path string, _, _ any) (string, error) {
		paths = append(paths, path)
		return "", nil
	})
	return paths, err
}

// Seal replaces every plain secret by what seal makes of it. A secret that is empty or absent keeps the sealed text
// at the same path of previous (elements of arrays matched by index), or becomes "".
func (a Attribute) Seal(settings, previous json.RawMessage, seal func(string) (string, error)) (json.RawMessage, error) {
	return a.change(settings, previous, func(path string, value, kept any) (string, error) {
		plain, err := secretText(path, value)
		if err != nil || plain == "" {
			old, _ := kept.(string)
			return old, err
		}
		sealed, err := seal(plain)
		if err != nil {
			return "", fmt.Errorf("cannot seal %q: %w", path, err)
		}
		return sealed, nil
	})
}

// Open replaces every sealed secret by what open makes of it. Absent ones become "".
func (a Attribute) Open(settings json.RawMessage, open func(string) (string, error)) (json.RawMessage, error) {
	return a.change(settings, nil, func(path string, value, _ any) (string, error) {
		sealed, _ := value.(string)
		if sealed == "" {
			return "", nil
		}
		plain, err := open(sealed)
		if err != nil {
			return "", fmt.Errorf("cannot open %q: %w", path, err)
		}
		return plain, nil
	})
}

// Blank makes every secret "", also those that are absent: what leaves the agent.
func (a Attribute) Blank(settings json.RawMessage) (json.RawMessage, error) {
	return a.change(settings, nil, func(string, any, any) (string, error) { return "", nil })
}

// DecryptFromCloud replaces every secret that the cloud encrypted by what decrypt makes of it; empty and absent ones
// become "". An error of decrypt is returned as it is, because its text is the result of the command.
func (a Attribute) DecryptFromCloud(settings json.RawMessage, decrypt func(string) (string, error)) (json.RawMessage, error) {
	return a.change(settings, nil, func(path string, value, _ any) (string, error) {
		text, err := secretText(path, value)
		if err != nil || text == "" {
			return "", err
		}
		return decrypt(text)
	})
}

// secretText is the text of a secret; null, false and 0 count as empty.
func secretText(path string, value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case nil:
		return "", nil
	case bool:
		if !v {
			return "", nil
		}
	case json.Number:
		if n, err := v.Float64(); err == nil && n == 0 {
			return "", nil
		}
	}
	return "", entity.Invalid("%q must be a string", path)
}

// changer returns the new text of a secret, given what stands there now and in the previous settings.
type changer func(path string, value, previous any) (string, error)

// change rewrites the secrets of settings, which stay as they are otherwise, in order and spelling.
func (a *Attribute) change(settings, previous json.RawMessage, f changer) (json.RawMessage, error) {
	if len(settings) == 0 {
		return settings, nil
	}
	tree, err := schema.Parse(settings)
	if err != nil {
		return nil, err
	}
	var old any
	if len(previous) > 0 {
		if old, err = schema.Parse(previous); err != nil {
			return nil, err
		}
	}
	if err := a.walk("", tree, old, f); err != nil {
		return nil, err
	}
	return schema.Write(tree)
}

// walk visits the secrets below a. What does not have the shape of the manifest is left to the validation.
func (a *Attribute) walk(path string, value, previous any, f changer) error {
	switch a.Type {
	case TypeObject:
		return a.walkObject(path, value, previous, f)
	case TypeArray:
		return a.walkArray(path, value, previous, f)
	}
	return nil
}

func (a *Attribute) walkObject(path string, value, previous any, f changer) error {
	object, ok := value.(*schema.Ordered)
	if !ok {
		return nil
	}
	for i := range a.Attributes {
		child := &a.Attributes[i]
		at := child.Key
		if path != "" {
			at = path + "." + child.Key
		}
		now, _ := object.Get(child.Key)
		old := member(previous, child.Key)
		if child.Type != TypeSecret {
			if err := child.walk(at, now, old, f); err != nil {
				return err
			}
			continue
		}
		text, err := f(at, now, old)
		if err != nil {
			return err
		}
		object.Set(child.Key, text)
	}
	return nil
}

func (a *Attribute) walkArray(path string, value, previous any, f changer) error {
	items, _ := value.([]any)
	before, _ := previous.([]any)
	if a.Root == nil {
		return nil
	}
	for i, item := range items {
		var old any
		if i < len(before) {
			old = before[i]
		}
		if err := a.Root.walk(path+"["+strconv.Itoa(i)+"]", item, old, f); err != nil {
			return err
		}
	}
	return nil
}

func member(value any, key string) any {
	object, ok := value.(*schema.Ordered)
	if !ok {
		return nil
	}
	v, _ := object.Get(key)
	return v
}
