package mqtt

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxTopic is the longest topic or filter, in bytes.
const maxTopic = 1<<16 - 1

func checkText(what, s string) error {
	switch {
	case s == "":
		return fmt.Errorf("the %s is empty", what)
	case len(s) > maxTopic:
		return fmt.Errorf("the %s is longer than %d bytes", what, maxTopic)
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		return fmt.Errorf("the %s %q holds characters that MQTT does not allow", what, s)
	}
	return nil
}

// CheckTopic says why nothing can be published under a topic. A broker would end the connection.
func CheckTopic(topic string) error {
	if err := checkText("topic", topic); err != nil {
		return err
	}
	if strings.ContainsAny(topic, "+#") {
		return fmt.Errorf("the topic %q holds a wildcard", topic)
	}
	return nil
}

// CheckFilter says why a filter cannot be subscribed. A broker would end the connection.
func CheckFilter(filter string) error {
	if err := checkText("topic", filter); err != nil {
		return err
	}
	levels := strings.Split(filter, "/")
	if levels[0] == sharePrefix && (len(levels) < 3 || levels[1] == "" || strings.ContainsAny(levels[1], "+#") || len(levels) == 3 && levels[2] == "") {
		return fmt.Errorf("the topic %q is no shared subscription: $share/<group>/<topic>", filter)
	}
	for i, level := range levels {
		if strings.ContainsAny(level, "+#") && len(level) > 1 {
			return fmt.Errorf("the topic %q has a wildcard that is not alone between the slashes", filter)
		}
		if level == "#" && i < len(levels)-1 {
			return errors.New("the topic \"" + filter + "\" has a # that is not at its end")
		}
	}
	return nil
}

// sharePrefix begins the filter of a subscription that several clients share.
const sharePrefix = "$share"

// levels of the topics that a filter matches.
func levelsOf(filter string) []string {
	levels := strings.Split(filter, "/")
	if levels[0] == sharePrefix && len(levels) > 2 {
		return levels[2:]
	}
	return levels
}

// Index finds the values whose filters match a topic, in a time that does not depend on how many there are. The zero
// value is empty. It is not safe for concurrent use.
type Index[V comparable] struct {
	root node[V]
	n    int
}

type node[V comparable] struct {
	next map[string]*node[V]
	here []V // filters that end here
	rest []V // filters that end with # here
}

// Len is how many values there are.
func (x *Index[V]) Len() int { return x.n }

// Add adds a value under a filter, a valid one.
func (x *Index[V]) Add(filter string, v V) {
	at := &x.root
	for _, level := range levelsOf(filter) {
		if level == "#" {
			at.rest = append(at.rest, v)
			x.n++
			return
		}
		to := at.next[level]
		if to == nil {
			if at.next == nil {
				at.next = map[string]*node[V]{}
			}
			to = &node[V]{}
			at.next[level] = to
		}
		at = to
	}
	at.here = append(at.here, v)
	x.n++
}

// Remove removes a value that was added under filter.
func (x *Index[V]) Remove(filter string, v V) {
	if x.root.remove(levelsOf(filter), v) {
		x.n--
	}
}

func (n *node[V]) remove(levels []string, v V) (removed bool) {
	list := &n.here
	if len(levels) > 0 && levels[0] == "#" {
		list = &n.rest
	} else if len(levels) > 0 {
		to := n.next[levels[0]]
		if to == nil {
			return false
		}
		removed = to.remove(levels[1:], v)
		if len(to.next) == 0 && len(to.here) == 0 && len(to.rest) == 0 {
			delete(n.next, levels[0])
		}
		return removed
	}
	i := slices.Index(*list, v)
	if i < 0 {
		return false
	}
	*list = slices.Delete(*list, i, i+1)
	return true
}

// Match appends the values whose filters match a topic (MQTT 3.1.1, section 4.7).
func (x *Index[V]) Match(dst []V, topic string) []V {
	return x.root.match(dst, topic, true, strings.HasPrefix(topic, "$"))
}

// match looks for what is left of a topic; more says whether a level is left. A wildcard does not stand for a first level
// that begins with $.
func (n *node[V]) match(dst []V, topic string, more, special bool) []V {
	if !special {
		dst = append(dst, n.rest...) // a/# matches a too
	}
	if !more {
		return append(dst, n.here...)
	}
	level, left, more := strings.Cut(topic, "/")
	if to := n.next[level]; to != nil && level != "+" {
		dst = to.match(dst, left, more, false)
	}
	if to := n.next["+"]; to != nil && !special {
		dst = to.match(dst, left, more, false)
	}
	return dst
}
