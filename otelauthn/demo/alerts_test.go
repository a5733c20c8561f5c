package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// exported are the series that a host exports: the labels of each name.
func exported(t *testing.T) map[string][]string {
	t.Helper()
	registry := prometheus.NewRegistry()
	h, err := newHost(registry)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if err := h.signIn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if a, err := h.svc.Begin(t.Context(), authn.Login{User: "ada"}); err != nil {
		t.Fatal(err)
	} else if _, err := h.svc.Do(t.Context(), a.Token, authn.Challenge{Factor: "pager"}); err == nil {
		t.Fatal("it is not refused")
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, f := range families {
		var keys []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			keys = append(keys, l.GetName())
		}
		name := f.GetName()
		if f.GetType() == dto.MetricType_HISTOGRAM {
			all[name+"_count"], all[name+"_sum"], all[name+"_bucket"] = keys, keys, append(slices.Clone(keys), "le")
		} else {
			all[name] = keys
		}
	}
	return all
}

// values are what labels may be, but for those that the configuration names.
func values() map[string][]string {
	v := map[string][]string{
		"authn_event":       {"signed_in", "factor_activated", "factor_disabled", "factor_unusable", "revoke", "reinstate", "erase", "forget_devices", "status"},
		"authn_outcome":     {"done", "refused", "unavailable", "failed", "panic"},
		"authn_result":      {"ok", "conflict", "not_found", "no_user", "limited", "undeliverable", "timeout", "canceled", "failed", "panic"},
		"authn_port":        {"store", "sender", "directory", "limiter", "auditor", "verifier", "passwords", "gatekeeper"},
		"authn_operation":   {"load", "save", "due", "send", "factors", "activated", "now", "contacts", "allow", "audit", "prompt", "verify", "check", "store", "needed", "passed"},
		"authn_tended_kind": {"records", "ended", "delivered", "deleted", "foreign", "unreadable"},
	}
	ref := authn.NewReference()
	for _, e := range ref.Events {
		v["authn_event"] = append(v["authn_event"], e.Name)
	}
	for _, s := range ref.States {
		v["authn_to"] = append(v["authn_to"], string(s.State))
	}
	for _, g := range ref.Guards {
		v["authn_lockout_cause"] = append(v["authn_lockout_cause"], g.Name)
	}
	for _, row := range authn.Transitions() {
		v["authn_outcome"] = append(v["authn_outcome"], string(row.Outcome))
	}
	return v
}

var promql = parser.NewParser(parser.Options{})

// check parses an expression with Prometheus's own parser, and looks up every name,
// label and value in it. It returns the labels of what it yields.
func check(t *testing.T, expr string, series, values map[string][]string) (by []string) {
	t.Helper()
	e, err := promql.ParseExpr(expr)
	if err != nil {
		t.Errorf("%s: %v", expr, err)
		return nil
	}
	var known []string
	selectors := 0
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		s, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		selectors++
		keys, ok := series[s.Name]
		if !ok {
			t.Errorf("%s: %s is not exported", expr, s.Name)
		}
		known = append(known, keys...)
		for _, m := range s.LabelMatchers {
			if m.Name == model.MetricNameLabel {
				continue
			}
			if !slices.Contains(keys, m.Name) {
				t.Errorf("%s: %s has no label %s", expr, s.Name, m.Name)
			}
			for _, v := range strings.Split(m.Value, "|") {
				if !slices.Contains(values[m.Name], v) {
					t.Errorf("%s: %s is never %q", expr, m.Name, v)
				}
			}
		}
		return nil
	})
	if selectors == 0 {
		t.Errorf("%s selects nothing", expr)
	}
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if a, ok := n.(*parser.AggregateExpr); ok {
			for _, key := range a.Grouping {
				if !slices.Contains(known, key) {
					t.Errorf("%s: nothing has the label %s", expr, key)
				}
				by = append(by, key)
			}
		}
		return nil
	})
	return by
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// page is where panels and alerts are explained.
const page = "../../docs/operations.md"

// Prometheus accepts the alerts, and all that they ask for is exported.
func TestAlerts(t *testing.T) {
	groups, errs := rulefmt.Parse([]byte(read(t, "../alerts.yml")), false, model.LegacyValidation, promql, slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	told, series, values, n := read(t, page), exported(t), values(), 0
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			n++
			by := check(t, r.Expr, series, values)
			for _, m := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(fmt.Sprint(r.Annotations), -1) {
				if !slices.Contains(by, m[1]) {
					t.Errorf("%s: its summary has %s, which the expression does not keep", r.Alert, m[1])
				}
			}
			if !strings.Contains(told, "\n| `"+r.Alert+"` |") {
				t.Errorf("%s does not explain the alert %s", page, r.Alert)
			}
			if r.Labels["severity"] == "" || r.Annotations["summary"] == "" {
				t.Errorf("%s has no severity or no summary", r.Alert)
			}
		}
	}
	if n < 10 || strings.Count(told, "\n| `Authn") != n {
		t.Errorf("%d alerts; %s has %d", n, page, strings.Count(told, "\n| `Authn"))
	}
}

// Every panel of the dashboard asks for what is exported.
func TestDashboard(t *testing.T) {
	var d struct {
		Panels []struct {
			ID                 int
			Title, Description string
			GridPos            struct{ X, Y, W, H int }
			Targets            []struct{ Expr, LegendFormat, RefID string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "../dashboard.json")), &d); err != nil {
		t.Fatal(err)
	}
	told, series, values := read(t, page), exported(t), values()
	ids, places, used := map[int]bool{}, map[[2]int]bool{}, ""
	for _, p := range d.Panels {
		if place := [2]int{p.GridPos.X, p.GridPos.Y}; ids[p.ID] || places[place] || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("%s: it has the id or the place of another panel", p.Title)
		} else {
			ids[p.ID], places[place] = true, true
		}
		if len(p.Targets) == 0 || p.Description == "" || !strings.Contains(told, "\n| "+p.Title+" |") {
			t.Errorf("%s: no targets, no description, or %s does not explain it", p.Title, page)
		}
		for _, x := range p.Targets {
			by := check(t, strings.ReplaceAll(x.Expr, "$__rate_interval", "5m"), series, values)
			for _, m := range regexp.MustCompile(`{{(\w+)}}`).FindAllStringSubmatch(x.LegendFormat, -1) {
				if !slices.Contains(by, m[1]) {
					t.Errorf("%s: its legend has %s, which the expression does not keep", p.Title, m[1])
				}
			}
			used += x.Expr
		}
	}
	for name := range series {
		name := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
		if name != "target_info" && !strings.Contains(used, name) {
			t.Errorf("no panel shows %s", name)
		}
	}
}

// The check speaks.
func TestCheck(t *testing.T) {
	series, values := map[string][]string{"authn_steps_total": {"authn_event"}}, values()
	for _, expr := range []string{
		`sum(`, `sum(authn_step_total)`, `authn_steps_total{event="verify"}`, `authn_steps_total{authn_event="verified"}`, `sum by (authn_to) (authn_steps_total)`, `1`,
	} {
		probe := new(testing.T)
		if check(probe, expr, series, values); !probe.Failed() {
			t.Errorf("%s is good", expr)
		}
	}
	if by := check(t, `sum by (authn_event) (rate(authn_steps_total{authn_event=~"verify|activate"}[5m]))`, series, values); len(by) != 1 {
		t.Error(by)
	}
}
