package cloudsim

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// perPage is how many rows a list shows at once.
const perPage = 50

// pager cuts a list into pages, the first page first.
type pager struct {
	Page, Pages, Total int
	Query              string // what the links to other pages keep, ending in & unless empty
}

func (p pager) Previous() int { return p.Page - 1 }
func (p pager) Next() int     { return p.Page + 1 }

func cutPage[T any](list []T, r *http.Request) ([]T, pager) {
	q := r.URL.Query()
	n, err := strconv.Atoi(q.Get("page"))
	if err != nil || n < 1 {
		n = 1
	}
	q.Del("page")
	p := pager{Page: n, Pages: max(1, (len(list)+perPage-1)/perPage), Total: len(list), Query: q.Encode()}
	if p.Query != "" {
		p.Query += "&"
	}
	p.Page = min(p.Page, p.Pages)
	from := (p.Page - 1) * perPage
	return list[from:min(from+perPage, len(list))], p
}

// reversed puts the newest first.
func reversed[T any](list []T) []T {
	out := make([]T, len(list))
	for i, v := range list {
		out[len(list)-1-i] = v
	}
	return out
}

type agentsView struct {
	Waiting []Registration
	Agents  []Agent
	Pager   pager
	Text    string
	URL     string
	Code    string
	Known   int
	Metrics Metrics
}

func (s *Sim) agentsPage(r *http.Request) (any, error) {
	v := agentsView{Text: r.URL.Query().Get("text"), Metrics: s.Metrics(), URL: s.agentURL(r)}
	waiting := s.Registrations()
	v.Waiting = waiting[:min(len(waiting), perPage)]
	v.Known = v.Metrics.Agents
	v.Agents, v.Pager = cutPage(s.Agents(v.Text), r)
	return v, nil
}

// agentURL is the host to enter on an agent: how the browser reached this page.
func (s *Sim) agentURL(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

func (s *Sim) approvePage(r *http.Request) (any, error) {
	code := strings.TrimSpace(r.PostFormValue("code"))
	agent, err := s.Approve(code)
	if err == nil {
		return redirect(agentPath(agent.ID)), nil
	}
	content, pageErr := s.agentsPage(r)
	if pageErr != nil {
		return nil, pageErr
	}
	view := content.(agentsView)
	view.Code = code
	if code == "" {
		return problem{view, "Enter the code that the agent shows."}, nil
	}
	return problem{view, capital(err.Error()) + "."}, nil
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func (s *Sim) declinePage(r *http.Request) (any, error) {
	return redirect("/"), s.DeclineAgent(r.PostFormValue("agent"))
}

func (s *Sim) revokePage(r *http.Request) (any, error) {
	id := r.PathValue("agent")
	return redirect(agentPath(id)), s.Revoke(id)
}

func (s *Sim) removePage(r *http.Request) (any, error) {
	return redirect("/"), s.RemoveAgent(r.PathValue("agent"))
}

type commandsView struct {
	Commands []Command
	Pager    pager
	Status   string
	Any      bool // there are commands, whatever the filter
}

func (s *Sim) commandsPage(r *http.Request) (any, error) {
	status := r.URL.Query().Get("status")
	all, err := s.Commands(r.PathValue("agent"), CommandFilter{})
	if err != nil {
		return nil, err
	}
	v := commandsView{Status: status, Any: len(all) > 0}
	matching := all
	if status != "" {
		matching = nil
		for _, c := range all {
			if c.Status == status {
				matching = append(matching, c)
			}
		}
	}
	v.Commands, v.Pager = cutPage(reversed(matching), r)
	return v, nil
}

func (s *Sim) newCommandPage(r *http.Request) (any, error) {
	return nil, s.knownAgent(r)
}

func (s *Sim) knownAgent(r *http.Request) error {
	_, err := s.Agent(r.PathValue("agent"))
	return err
}

// bySeq finds a command of an agent: an id can be queued twice, and may hold anything.
func (s *Sim) bySeq(r *http.Request) (Command, error) {
	seq, err := strconv.ParseUint(r.PathValue("seq"), 10, 64)
	if err != nil {
		return Command{}, &UnknownError{What: "command", ID: r.PathValue("seq")}
	}
	all, err := s.Commands(r.PathValue("agent"), CommandFilter{})
	if err != nil {
		return Command{}, err
	}
	for _, c := range all {
		if c.Seq == seq {
			return c, nil
		}
	}
	return Command{}, &UnknownError{What: "command", ID: fmt.Sprint(seq)}
}

func (s *Sim) commandPage(r *http.Request) (any, error) { return s.bySeq(r) }

func (s *Sim) cancelPage(r *http.Request) (any, error) {
	c, err := s.bySeq(r)
	if err != nil {
		return nil, err
	}
	return redirect(agentPath(c.Agent)), s.Cancel(c.ID)
}
