package web

import (
	"context"
	"io"
	"net/http"
	"time"

	"oibus/agent/entity"
	"oibus/agent/web/access"
)

// releasePath takes packages of other versions, which are longer than any other body.
const (
	releasePath = "/api/upgrade/package"
	maxRelease  = 3 << 30 // as release.Limits has it
)

// Times of an upload. A slow line may take long, but not stand still.
const (
	uploadPace  = 2 * time.Minute  // for each part to come
	verifyLimit = 10 * time.Minute // for the package to be verified, once it is all there
)

// Upgrades installs other versions of OIBus.
type Upgrades interface {
	// Status is what is shown of versions.
	Status() any
	// Receive takes a package; size is -1 when it is not known.
	Receive(ctx context.Context, name string, size int64, body io.Reader) error
	// RollBack goes back to the version before, for the person with this login.
	RollBack(login string) error
}

// upgradeTable are operations that the reference does not have.
func (s *Server) upgradeTable() []operation {
	return []operation{
		{"GET", "/api/upgrade", access.API, s.upgradeStatus, false},
		{"POST", releasePath, access.API, s.receiveRelease, false},
		{"POST", "/api/upgrade/rollback", access.API, s.rollBack, false},
	}
}

func (s *Server) upgradeStatus(w http.ResponseWriter, _ *http.Request) error {
	return ok(w, s.o.Upgrades.Status())
}

// receiveRelease takes a package as the body of the request, and its name as ?name=.
func (s *Server) receiveRelease(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength > maxRelease {
		return entity.Invalid("the package has %d bytes, the limit is %d", r.ContentLength, int64(maxRelease))
	}
	body := &unhurried{r.Body, func(limit time.Duration) { s.setDeadlines(w, limit) }}
	if err := s.o.Upgrades.Receive(r.Context(), r.URL.Query().Get("name"), r.ContentLength, body); err != nil {
		return err
	}
	return noContent(w)
}

// unhurried is a body that may take as long as it likes, as long as it keeps coming.
type unhurried struct {
	io.Reader
	grant func(limit time.Duration)
}

func (b *unhurried) Read(p []byte) (int, error) {
	b.grant(uploadPace)
	n, err := b.Reader.Read(p)
	if err != nil {
		b.grant(verifyLimit)
	}
	return n, err
}

func (s *Server) rollBack(w http.ResponseWriter, r *http.Request) error {
	caller, _ := access.From(r.Context())
	if err := s.o.Upgrades.RollBack(caller.Login); err != nil {
		return err
	}
	return noContent(w)
}
