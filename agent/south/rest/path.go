package rest

import (
	"strconv"
	"strings"
)

// maxSegments is how long a path can be that is followed while an answer is read: one bit each.
const maxSegments = 63

// path is a JSONPath that can be followed while the answer is read: names, positions, ranges, wildcards and descents.
type path []segment

// segment is one step. What it selects is searched at any depth when deep.
type segment struct {
	deep   bool
	any    bool
	names  []string
	ranges []indexRange
}

// indexRange are the positions from, from+step, … before to; to is -1 for no end.
type indexRange struct{ from, to, step int }

func (r indexRange) has(i int) bool {
	return i >= r.from && (r.to < 0 || i < r.to) && (i-r.from)%r.step == 0
}

// start is where the root stands: before the first step.
const start = uint64(1)

// matches says whether a value where the states are is what the path leads to.
func (p path) matches(states uint64) bool { return states&(1<<len(p)) != 0 }

// child are the states of a member with that name.
func (p path) child(states uint64, name string) uint64 {
	return p.step(states, func(s *segment) bool {
		for _, n := range s.names {
			if n == name {
				return true
			}
		}
		return false
	})
}

// element are the states of the element at a position.
func (p path) element(states uint64, index int) uint64 {
	return p.step(states, func(s *segment) bool {
		for _, r := range s.ranges {
			if r.has(index) {
				return true
			}
		}
		return false
	})
}

func (p path) step(states uint64, selects func(*segment) bool) (next uint64) {
	if states == 0 {
		return 0
	}
	for i := range p {
		if states&(1<<i) == 0 {
			continue
		}
		if p[i].deep {
			next |= 1 << i
		}
		if p[i].any || selects(&p[i]) {
			next |= 1 << (i + 1)
		}
	}
	return next
}

// parsePath is false for a path that needs the whole answer, such as one with a filter, or is none.
func parsePath(text string) (p path, ok bool) {
	text = strings.TrimSpace(text)
	rest, rooted := strings.CutPrefix(text, "$")
	if !rooted && text != "" && text[0] != '.' && text[0] != '[' {
		rest = "." + text
	}
	for rest != "" {
		var s segment
		if s.deep = strings.HasPrefix(rest, ".."); s.deep {
			rest = rest[2:]
		} else if strings.HasPrefix(rest, ".") {
			if rest = rest[1:]; strings.HasPrefix(rest, "[") {
				return nil, false
			}
		} else if !strings.HasPrefix(rest, "[") {
			return nil, false
		}
		if rest, ok = s.parse(rest); !ok || len(p) == maxSegments {
			return nil, false
		}
		p = append(p, s)
	}
	return p, text != ""
}

// parse reads what a step selects, and returns what stands behind.
func (s *segment) parse(text string) (rest string, ok bool) {
	if !strings.HasPrefix(text, "[") {
		end := strings.IndexAny(text, ".[")
		if end < 0 {
			end = len(text)
		}
		name := text[:end]
		if s.any = name == "*"; !s.any {
			s.names = []string{name}
		}
		return text[end:], name != "" && (s.any || plainStep(name))
	}
	text = text[1:]
	for {
		if text, ok = s.selector(strings.TrimLeft(text, " ")); !ok {
			return "", false
		}
		text = strings.TrimLeft(text, " ")
		switch {
		case strings.HasPrefix(text, "]"):
			return text[1:], true
		case strings.HasPrefix(text, ","):
			text = text[1:]
		default:
			return "", false
		}
	}
}

// plainStep is false for names that mean something else to some dialects.
func plainStep(name string) bool {
	return !strings.ContainsAny(name, "*?()@'\"~^`\\ ]")
}

// selector reads one of those that brackets hold.
func (s *segment) selector(text string) (rest string, ok bool) {
	if text == "" {
		return "", false
	}
	if quote := text[0]; quote == '\'' || quote == '"' {
		end := strings.IndexByte(text[1:], quote)
		if end < 0 || strings.ContainsRune(text[1:end+1], '\\') {
			return "", false
		}
		s.names = append(s.names, text[1:end+1])
		return text[end+2:], true
	}
	end := strings.IndexAny(text, ",]")
	if end < 0 {
		return "", false
	}
	token := strings.TrimSpace(text[:end])
	if token == "*" {
		s.any = true
		return text[end:], true
	}
	r, ok := parseRange(token)
	s.ranges = append(s.ranges, r)
	return text[end:], ok
}

// parseRange reads a position, or from:to:step. Positions counted from the end need the whole answer.
func parseRange(token string) (r indexRange, ok bool) {
	parts := strings.Split(token, ":")
	numbers := [3]int{0, -1, 1}
	for i, part := range parts {
		if i == len(numbers) || len(parts) == 1 && part == "" {
			return r, false
		}
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			return r, false
		}
		numbers[i] = int(n)
	}
	if len(parts) == 1 {
		return indexRange{numbers[0], numbers[0] + 1, 1}, true
	}
	return indexRange{numbers[0], numbers[1], numbers[2]}, numbers[2] > 0
}
