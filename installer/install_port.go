package installer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"oibus/platform"
)

// choosePort is the port to write into the settings file, 0 for none.
func (j *installJob) choosePort(ctx context.Context, r *registry, i instance, known bool) (int, error) {
	w, err := readWeb(j.m, i)
	if err != nil {
		return 0, err
	}
	port, before := j.port, w.port
	switch free := r.freePort(i.Name); {
	case port != 0:
		w.port = port
	case !known && !w.pinned && w.port == defaultPort && free != defaultPort:
		port, w.port = free, free
	}
	if err := r.conflict(i, w.port); err != nil {
		return 0, err
	}
	if known && w.port == before || j.noStart {
		return port, nil
	}
	return port, j.portFree(ctx, i, w)
}

// portFree says whether another program has the port of the page. Ours may have it when it runs already.
func (j *installJob) portFree(ctx context.Context, i instance, w webSettings) error {
	if s, err := j.m.Query(ctx, i.Service); err != nil || w.port == portOf(j.m, i) && s.State == platform.ServiceRunning {
		return err
	}
	if err := listenable(w); err != nil {
		return fmt.Errorf("cannot use port %d, another program has it: %w; choose another one with --port", w.port, err)
	}
	return nil
}

// listenable says whether another program has the port of the page.
func listenable(w webSettings) error {
	l, err := net.Listen("tcp", net.JoinHostPort(w.address, strconv.Itoa(w.port)))
	if errors.Is(err, os.ErrPermission) {
		return nil // what the service may, its definition says
	}
	if err != nil {
		return err
	}
	return l.Close()
}
