package page

import (
	"net/http"
	"slices"

	"oibus/agent/web/access"
)

// A step is one thing to do on the way from a new OIBus to data. Its texts are "guide.<name>" and more.
type step struct {
	Name     string `json:"name"`
	Done     bool   `json:"done"`
	Optional bool   `json:"optional"` // the guide ends without it
	Path     string `json:"path"`     // the page where it is done
}

// steps are those of the guide, in the order that they are best done in.
func (s *Site) steps(o Overview) []step {
	flowing := "/souths" // what does not arrive is looked for at its source first
	if o.Flow.Received {
		flowing = "/norths"
	}
	return []step{
		{"password", s.o.FirstPasswordFile() == "", false, "/account#password"},
		{"register", o.Registration.Status == "REGISTERED", true, "/registration"},
		{"south", o.Flow.Souths > 0, false, "/souths/new"},
		{"north", o.Flow.Norths > 0, false, "/norths/new"},
		{"data", o.Flow.Received && o.Flow.Delivered, false, flowing},
	}
}

// guide are the steps for the person of a request: none when everything needed is done, or when they said so.
func (s *Site) guide(r *http.Request, o Overview) []step {
	if id, ok := access.From(r.Context()); ok && s.o.GuideOff(id.UserID) {
		return nil
	}
	all := s.steps(o)
	if !slices.ContainsFunc(all, func(x step) bool { return !x.Done && !x.Optional }) {
		return nil
	}
	return all
}

// turnGuideOff remembers that the person of a request wants the guide no more.
func (s *Site) turnGuideOff(w http.ResponseWriter, r *http.Request) {
	if id, ok := access.From(r.Context()); ok {
		if err := s.o.TurnGuideOff(id.UserID); err != nil {
			s.o.Log.Error(err.Error())
			http.Error(w, `{"error":"cannot be remembered"}`, http.StatusInternalServerError)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}
