package command

import (
	"slices"
	"time"
)

// pageSize is that of the reference.
const pageSize = 50

// Query narrows a search. Zero values do not.
type Query struct {
	Types, Statuses []string
	Start, End      time.Time // of the creation, inclusive
	Ack             *bool
	Page            int // from 0
}

// Page is a part of what a search found, newest first.
type Page struct {
	Content       []View `json:"content"`
	TotalElements int    `json:"totalElements"`
	Size          int    `json:"size"`
	Number        int    `json:"number"`
	TotalPages    int    `json:"totalPages"`
}

// Search finds commands (protocol/control-plane.md, section 2.10).
func (s *Service) Search(q Query) Page {
	found := s.book.all(q.matches)
	slices.Reverse(found)
	p := Page{
		Content: []View{}, TotalElements: len(found), Size: pageSize, Number: max(q.Page, 0),
		TotalPages: (len(found) + pageSize - 1) / pageSize,
	}
	if p.Number >= p.TotalPages {
		return p
	}
	from := p.Number * pageSize
	for _, c := range found[from:min(from+pageSize, len(found))] {
		p.Content = append(p.Content, s.view(c))
	}
	return p
}

func (q Query) matches(c *Stored) bool {
	if len(q.Types) > 0 && !slices.Contains(q.Types, c.Type) || len(q.Statuses) > 0 && !slices.Contains(q.Statuses, c.Status) {
		return false
	}
	if q.Ack != nil && *q.Ack != c.Ack {
		return false
	}
	created := c.created()
	return (q.Start.IsZero() || !created.Before(q.Start)) && (q.End.IsZero() || !created.After(q.End))
}
