package opcua

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"

	"oibus/agent/connector"
)

var states = []string{"Running", "Failed", "No Configuration", "Suspended", "Shutdown", "Test", "Communication Fault", "Unknown"}

// facts are what a test tells of the server itself.
var facts = []struct {
	key  string
	node uint32
}{
	{"State", id.Server_ServerStatus_State},
	{"ManufacturerName", id.Server_ServerStatus_BuildInfo_ManufacturerName},
	{"ProductName", id.Server_ServerStatus_BuildInfo_ProductName},
	{"SoftwareVersion", id.Server_ServerStatus_BuildInfo_SoftwareVersion},
	{"BuildNumber", id.Server_ServerStatus_BuildInfo_BuildNumber},
}

var tokenNames = map[ua.UserTokenType]string{
	ua.UserTokenTypeAnonymous: "Anonymous", ua.UserTokenTypeUserName: "Username/Password",
	ua.UserTokenTypeCertificate: "X509 Certificate", ua.UserTokenTypeIssuedToken: "IssuedToken",
}

// Use calls f with the session that is open, or with one that is opened for it.
func (l *Link) Use(ctx context.Context, f func(l Limited) error) error {
	if l.Session() != nil {
		return f(l)
	}
	s, err := l.client.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close(context.WithoutCancel(ctx))
	return f(s)
}

// Test connects, and tells what the server is and offers.
func (l *Link) Test(ctx context.Context, aggregates bool) (report connector.Report, err error) {
	err = l.Use(ctx, func(d Limited) error {
		if err := describe(ctx, d, &report); err != nil {
			return err
		}
		points, err := l.client.Endpoints(ctx)
		if err != nil {
			return err
		}
		offers(points, &report)
		if aggregates {
			if names := aggregateNames(ctx, d); len(names) > 0 {
				report.Add("SupportedAggregates", strings.Join(names, ", "))
			}
		}
		return nil
	})
	return report, err
}

func describe(ctx context.Context, l Limited, report *connector.Report) error {
	nodes := make([]*ua.NodeID, len(facts))
	for i, f := range facts {
		nodes[i] = ua.NewNumericNodeID(0, f.node)
	}
	values, err := Read(ctx, l, nodes, ua.AttributeIDValue, ua.TimestampsToReturnNeither)
	if err != nil {
		return err
	}
	for i, v := range values {
		if v.Status != ua.StatusOK || v.Value == nil {
			continue
		}
		text := Text(v.Value)
		if state, ok := v.Value.Value().(int32); ok && facts[i].key == "State" {
			text = "Unknown"
			if state >= 0 && int(state) < len(states) {
				text = states[state]
			}
		}
		report.Add(facts[i].key, text)
	}
	return nil
}

// offers tells how the server can be connected to.
func offers(points []*ua.EndpointDescription, report *connector.Report) {
	var modes, policies, users []string
	add := func(list *[]string, name string) {
		if name != "" && !slices.Contains(*list, name) {
			*list = append(*list, name)
		}
	}
	for _, p := range points {
		add(&modes, modeName(p.SecurityMode))
		add(&policies, policyName(p.SecurityPolicyURI))
		for _, t := range p.UserIdentityTokens {
			add(&users, tokenNames[t.TokenType])
		}
	}
	report.Add("SecurityModes", strings.Join(modes, ", "))
	report.Add("SecurityPolicies", strings.Join(policies, ", "))
	report.Add("AuthenticationModes", strings.Join(users, ", "))
}

// aggregateNames are those that the server can compute; nothing when it does not tell.
func aggregateNames(ctx context.Context, d Doer) []string {
	references, err := browse(ctx, d, ua.NewNumericNodeID(0, id.HistoryServerCapabilities_AggregateFunctions), ua.BrowseDirectionForward, id.HierarchicalReferences)
	if err != nil {
		return nil
	}
	var names []string
	for _, r := range references {
		if r != nil && r.BrowseName != nil && r.BrowseName.Name != "" {
			names = append(names, r.BrowseName.Name)
		}
	}
	return names
}

// browse is where references of a type lead from a node.
func browse(ctx context.Context, d Doer, node *ua.NodeID, direction ua.BrowseDirection, reference uint32) ([]*ua.ReferenceDescription, error) {
	response, err := Ask[*ua.BrowseResponse](ctx, d, &ua.BrowseRequest{
		View: &ua.ViewDescription{ViewID: ua.NewTwoByteNodeID(0)},
		NodesToBrowse: []*ua.BrowseDescription{{NodeID: node, BrowseDirection: direction, ReferenceTypeID: ua.NewNumericNodeID(0, reference),
			IncludeSubtypes: true, ResultMask: uint32(ua.BrowseResultMaskAll)}},
	})
	if err != nil {
		return nil, err
	}
	if len(response.Results) != 1 || response.Results[0] == nil {
		return nil, unexpectedCount(len(response.Results), 1)
	}
	r := response.Results[0]
	all := r.References
	for pages := 1; len(r.ContinuationPoint) > 0; pages++ {
		release := pages == mostPages
		next, err := Ask[*ua.BrowseNextResponse](ctx, d, &ua.BrowseNextRequest{ReleaseContinuationPoints: release, ContinuationPoints: [][]byte{r.ContinuationPoint}})
		if err != nil || release || len(next.Results) != 1 || next.Results[0] == nil {
			return all, err
		}
		r = next.Results[0]
		all = append(all, r.References...)
	}
	return all, nil
}

// mostPages bounds what is read of a list that a server gives piece by piece.
const mostPages = 100

func unexpectedCount(got, want int) error {
	return fmt.Errorf("the server answers %d of %d", got, want)
}
